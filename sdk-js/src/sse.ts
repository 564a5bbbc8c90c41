/** Server-sent events, cut out of a stream of text that comes in pieces of any length. */

export interface ServerSentEvent {
  type: string;
  data: string;
  id: string;
}

export class EventParser {
  #rest = "";
  #type = "";
  #data: string[] = [];
  #id = "";
  /** How long the server wants a client to wait before it comes again. */
  retryMs: number | undefined;

  /** The events that are complete with this piece. */
  push(text: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    // A CR at the end may be half of a CRLF: it waits for what comes.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() as string;
    for (const line of lines) {
      const event = this.#line(line);
      if (event) events.push(event);
    }
    return events;
  }

  #line(line: string): ServerSentEvent | undefined {
    if (line === "") return this.#end();
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) as unknown as [string, string, string?];
    if (name === "event") this.#type = value;
    if (name === "data") this.#data.push(value);
    if (name === "id" && !value.includes("\0")) this.#id = value;
    if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    // Everything else is a comment, or of another time.
    return undefined;
  }

  #end(): ServerSentEvent | undefined {
    const event = { type: this.#type || "message", data: this.#data.join("\n"), id: this.#id };
    const complete = this.#data.length > 0;
    this.#type = "";
    this.#data = [];
    return complete ? event : undefined;
  }
}

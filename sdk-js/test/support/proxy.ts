/** A proxy before the platform that fails as it is told: what networks and overloaded servers do to a client. */

import { once } from "node:events";
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What happens to one request; without a fault it passes. */
export type Fault =
  /** The connection dies before the platform hears of the request. */
  | { kind: "refuse" }
  /** The platform does the work, and the connection dies before its answer. */
  | { kind: "lose_answer" }
  /** The platform does the work, and the connection dies in the middle of its answer. */
  | { kind: "cut_answer" }
  /** The platform does the work, and nobody answers. */
  | { kind: "hang" }
  /** Something before the platform answers instead. */
  | { kind: "answer"; status: number; headers?: Record<string, string>; body?: string };

export interface Seen {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export class FaultProxy {
  readonly url: string;
  /** Every request, failed or not. */
  readonly seen: Seen[] = [];
  /** Taken by the next requests, one each. */
  readonly faults: Fault[] = [];
  /** Whether a piece of an answer gets lost. */
  loses: (chunk: Buffer) => boolean = () => false;
  readonly #target: string;
  readonly #server;
  readonly #open = new Set<ServerResponse>();

  private constructor(target: string, server: ReturnType<typeof createServer>) {
    this.#target = target;
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (incoming, outgoing) => void this.#pass(incoming, outgoing));
  }

  static async start(target: string): Promise<FaultProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FaultProxy(target, server);
  }

  /** Kills every connection that is open now. */
  cut(): void {
    for (const outgoing of this.#open) outgoing.destroy();
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { method = "", url = "", headers } = incoming;
    this.seen.push({ method, path: url, headers, body: body.toString() });
    const fault = this.faults.shift();
    if (fault?.kind === "refuse") return void outgoing.destroy();
    if (fault?.kind === "answer") return void outgoing.writeHead(fault.status, fault.headers).end(fault.body);
    const onward = request(`${this.#target}${url}`, { method, headers });
    onward.on("error", () => outgoing.destroy());
    onward.end(body);
    outgoing.on("close", () => {
      this.#open.delete(outgoing);
      onward.destroy();
    });
    this.#open.add(outgoing);
    const [answer] = (await once(onward, "response").catch(() => [])) as [IncomingMessage?];
    if (!answer) return;
    if (fault?.kind === "hang") return void answer.resume();
    if (fault?.kind === "lose_answer") return void answer.resume().on("end", () => outgoing.destroy());
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.on("error", () => outgoing.destroy());
    if (fault?.kind === "cut_answer") {
      answer.once("data", (chunk: Buffer) => outgoing.write(chunk.subarray(0, chunk.length / 2), () => outgoing.destroy()));
    } else {
      answer.on("data", (chunk: Buffer) => void (this.loses(chunk) || outgoing.write(chunk)));
      answer.on("end", () => outgoing.end());
    }
  }
}

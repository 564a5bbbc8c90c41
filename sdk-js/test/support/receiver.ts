/** Where the platform posts webhooks: takes every message and keeps it. */

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";

/** Longer than any first delivery takes. */
const PATIENCE_MS = 30_000;

export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

export class Receiver {
  readonly url: string;
  readonly #server;
  readonly #messages: Received[] = [];

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    server.on("request", (request, response) => {
      const taken = buffer(request).then((body) => {
        this.#messages.push({ headers: request.headers, body: body.toString() });
        response.writeHead(204).end();
      });
      taken.catch(() => response.destroy());
    });
  }

  static async start(): Promise<Receiver> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Receiver(server);
  }

  /** Where nobody listens yet: for a program that needs the secret of its endpoint before it starts. */
  static async address(): Promise<URL> {
    const receiver = await Receiver.start();
    await receiver.stop();
    return new URL(receiver.url);
  }

  /** The first message of a type about an object, as it came. */
  async message(type: string, about: string): Promise<Received> {
    for (const began = Date.now(); Date.now() - began < PATIENCE_MS; await pause(50)) {
      const found = this.#messages.find(({ body }) => {
        const event = JSON.parse(body) as { type: string; data: { id: string } };
        return event.type === type && event.data.id === about;
      });
      if (found) return found;
    }
    const bodies = this.#messages.map(({ body }) => body).join("\n");
    throw new Error(`no ${type} about ${about} within ${PATIENCE_MS / 1000} s, but\n${bodies}`);
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

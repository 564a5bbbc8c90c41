/** The page inside of the frame: shows the element, and speaks with the page around it. */

import { HELLO, type FromFrame, type ToFrame } from "./framed.js";
import { EVENTS } from "./mount.js";
import type { EventflowSeatsElement } from "./eventflow-seats.js";

/** The element here, and how it is spoken with. */
class Frame {
  constructor(
    private readonly element: EventflowSeatsElement,
    private readonly port: MessagePort,
  ) {
    port.onmessage = (message: MessageEvent<ToFrame>) => this.#hear(message.data);
    for (const name of EVENTS) this.element.addEventListener(name, this.#relay as EventListener);
  }

  #send(message: FromFrame): void {
    this.port.postMessage(message);
  }

  #relay = (event: CustomEvent): void => {
    // The page around us is the one that leaves.
    if (event.type === "eventflow-checkout") event.preventDefault();
    // The value first: whoever hears the event may read it.
    this.#send({ value: this.element.value });
    this.#send({ event: event.type, detail: event.detail as unknown });
  };

  #hear(said: ToFrame): void {
    if ("attributes" in said) {
      this.#keepOutside(said.saved);
      this.#open(said.attributes, said.height);
    }
    else if ("attribute" in said) this.#set(said.attribute, said.value);
    else void this.#call(said.call, said.name, said.args);
  }

  /** What the element keeps for its tab is kept by the page around us: browsers refuse storage to frames of others. */
  #keepOutside(saved: string | null): void {
    const storage = {
      getItem: () => saved,
      setItem: (_name: string, text: string) => {
        saved = text;
        this.#send({ save: text });
      },
    };
    Object.defineProperty(globalThis, "sessionStorage", { value: storage, configurable: true });
  }

  /** The attributes come before the element is defined: it then begins with all of them. */
  #open(attributes: Record<string, string | null>, height: number): void {
    this.element.setAttribute("mode", "inline");
    for (const [name, value] of Object.entries(attributes)) this.#set(name, value);
    // Heights of the view are those of the frame here, which follows its contents.
    this.element.style.setProperty("--ef-height", `${Math.round(Math.min(820, Math.max(480, height * 0.85)))}px`);
    // And the page is as tall as what it shows, instead of as the frame: the frame is made to fit.
    const { body, documentElement: page } = document;
    for (const one of [page, body, this.element.parentElement]) {
      one?.style.setProperty("height", "auto");
      one?.style.setProperty("min-height", "0");
    }
    this.element.style.height = "auto";
    this.element.style.flex = "none";
    new ResizeObserver(() => this.#send({ height: page.offsetHeight })).observe(body);
    // The loader beside this file, which is another entry.
    void import(new URL("./eventflow.js", import.meta.url).href);
  }

  #set(name: string, value: string | null): void {
    if (name === "theme") document.documentElement.style.colorScheme = value === "dark" || value === "light" ? value : "light dark";
    if (value === null) this.element.removeAttribute(name);
    else this.element.setAttribute(name, value);
  }

  async #call(call: number, name: string, args: unknown[]): Promise<void> {
    try {
      const method = this.element[name as keyof EventflowSeatsElement] as (...args: unknown[]) => Promise<unknown>;
      this.#send({ result: call, value: await method.apply(this.element, args) });
    } catch (problem) {
      const { code = "internal", message = String(problem) } = problem as { code?: string; message?: string };
      this.#send({ result: call, problem: { code, message } });
    }
  }
}

/** The page around us, if it is one of those that the key is registered for: the server has written them down. */
const origin = new URLSearchParams(location.search).get("origin") ?? "";
const registered = (document.body.dataset["parents"] ?? "").split(" ");
const element = document.querySelector("eventflow-seats");
if (parent !== window && registered.includes(origin) && element) {
  const hear = (message: MessageEvent): void => {
    const [port] = message.ports;
    if (message.source !== parent || message.origin !== origin || message.data !== HELLO || !port) return;
    removeEventListener("message", hear);
    new Frame(element, port);
  };
  addEventListener("message", hear);
  parent.postMessage(HELLO, origin);
}

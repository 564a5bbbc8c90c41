/** The page inside of the frame: shows the element, and speaks with the page around it. */

import { HELLO, type FromFrame, type ToFrame } from "./framed.js";
import { EVENTS, LIVE_ATTRIBUTES, METHODS } from "./mount.js";
import type { EventflowSeatsElement } from "./eventflow-seats.js";

/** Custom properties that the page around us may set here; heights are those of the frame. */
const LOOK = (
  "font font-size background surface text muted line edge accent on-accent danger success radius map-background map-section " +
  "map-section-line selection selection-mark focus unavailable map-shape map-shape-line"
)
  .split(" ")
  .map((name) => `--ef-${name}`);
/** No colour and no list of fonts is longer. */
const LOOK_LENGTH_MAX = 200;
/** The functions of CSS that fetch something; a backslash would hide their names. */
const LOADS = /(url|src|image|image-set|cross-fade)\(|\\/i;
/** Nothing announces that the page looks different: it is asked now and then. */
const LOOK_MS = 1_000;
/** Without an answer in this time places may be selected. */
const ANSWER_MS = 500;

/** The element here, and how it is spoken with. */
class Frame {
  readonly #asked = new Map<number, (go: boolean) => void>();
  #asks = 0;

  constructor(
    private readonly element: EventflowSeatsElement,
    private readonly port: MessagePort,
  ) {
    port.onmessage = (message: MessageEvent<ToFrame>) => this.#hear(message.data);
    for (const name of EVENTS) this.element.addEventListener(name, this.#relay as EventListener);
    const look = (): void => {
      if (document.visibilityState === "visible") this.#send({ look: LOOK });
    };
    look();
    setInterval(look, LOOK_MS);
  }

  #send(message: FromFrame): void {
    this.port.postMessage(message);
  }

  #relay = (event: CustomEvent): void => {
    // The page around us is the one that leaves.
    if (event.type === "eventflow-checkout") event.preventDefault();
    // The value first: whoever hears the event may read it.
    this.#send({ value: this.element.value });
    const detail = event.detail as { answer?: Promise<boolean> };
    if (event.type !== "eventflow-before-select") return this.#send({ event: event.type, detail });
    const ask = ++this.#asks;
    this.#send({ event: event.type, detail, ask });
    detail.answer = new Promise((resolve) => {
      this.#asked.set(ask, resolve);
      setTimeout(() => this.#answer(ask, true), ANSWER_MS);
    });
  };

  #answer(ask: number, go: boolean): void {
    this.#asked.get(ask)?.(go);
    this.#asked.delete(ask);
  }

  /** The colours and fonts of the page around us. */
  #look(look: Record<string, unknown>, dark: boolean): void {
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    for (const name of LOOK) {
      const value = look[name];
      const plain = typeof value === "string" && value.length <= LOOK_LENGTH_MAX && !LOADS.test(value);
      this.element.style.setProperty(name, plain ? value : "");
    }
  }

  #hear(said: ToFrame): void {
    if ("attributes" in said) {
      this.#keepOutside(said.saved);
      this.#open(said.attributes, said.height);
    }
    else if ("attribute" in said) this.#set(said.attribute, said.value);
    else if ("look" in said) this.#look(said.look, said.dark);
    else if ("answer" in said) this.#answer(said.answer, said.go);
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
    const held = (share: number, least: number, most: number): string => `${Math.round(Math.min(most, Math.max(least, height * share)))}px`;
    this.element.style.setProperty("--ef-height", held(0.85, 480, 820));
    this.element.style.setProperty("--ef-map-height", held(0.78, 384, 704));
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
    if (!(LIVE_ATTRIBUTES as readonly string[]).includes(name)) return;
    if (value === null) this.element.removeAttribute(name);
    else this.element.setAttribute(name, value);
  }

  async #call(call: number, name: string, args: unknown[]): Promise<void> {
    try {
      if (!(METHODS as readonly string[]).includes(name)) throw { code: "invalid", message: `There is no method ${name}` };
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

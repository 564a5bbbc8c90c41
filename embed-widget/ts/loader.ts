/**
 * `<eventflow-seats>`: the first and smallest part, which every page loads. It defines the element, asks for the answers of
 * the API at once, and fetches the rest of the widget by immutable URLs whose contents are checked against hashes.
 */

import type * as Framed from "./framed.js";
import { IDENTITY_ATTRIBUTES, LIVE_ATTRIBUTES, METHODS, type Early, type Mount, type Mounted } from "./mount.js";

/** Where the parts lie, relative to this file, and their hashes by name; set when the loader is bundled. */
declare const __EF_BASE__: string;
declare const __EF_INTEGRITY__: Record<string, string>;

const ELEMENT = "element.js";
const WASM = "engine_bg.wasm";
const here = import.meta.url;
const part = (name: string): string => new URL(__EF_BASE__ + name, here).href;

/** The magic number and the version of an empty module: enough to ask whether the page allows WebAssembly. */
const EMPTY_MODULE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);

function wasmAllowed(): boolean {
  try {
    return new WebAssembly.Module(EMPTY_MODULE) instanceof WebAssembly.Module;
  } catch {
    return false;
  }
}

/** Pages that require trusted types name the policies that they allow: `eventflow` is ours, and vouches for our parts only. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL: (url: string) => string };
}
const policy = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy("eventflow", {
  createScriptURL: (url) => (url.startsWith(part("")) ? url : ""),
});

const texts = async (locale: string, part = ""): Promise<unknown> => {
  const name = `${locale.split("-")[0]?.toLowerCase()}${part}.js`;
  return ((await pinned(name in __EF_INTEGRITY__ ? name : `en${part}.js`)) as { messages: unknown }).messages;
};

let mount: Promise<Mount> | undefined;
/** Downloads that failed. Browsers may remember a failure by its address: the next one has another, of the same file. */
let failures = 0;

/**
 * Imports a module whose contents have this hash. `import()` takes no hash, an element does; the module that it has loaded
 * is then the one that `import()` finds.
 */
function pinned(name: string): Promise<unknown> {
  // But for the element: what comes later imports it by its name, and there must be one of it.
  const url = part(name) + (failures && name !== ELEMENT ? `#${failures}` : "");
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.type = "module";
    script.crossOrigin = "anonymous";
    script.integrity = __EF_INTEGRITY__[name] ?? "";
    const ours = [...document.scripts].find((one) => one.src === here);
    if (ours?.nonce) script.nonce = ours.nonce;
    script.onload = () => resolve(import(url));
    script.onerror = () => {
      failures++;
      reject(new Error(`EventFlow: ${url} could not be loaded`));
    };
    script.src = policy?.createScriptURL(url) ?? url;
    document.head.append(script);
    script.remove();
  });
}

const loadMount = (): Promise<Mount> => {
  mount ??= pinned(ELEMENT).then((module) => (module as { mount: Mount }).mount);
  // A failed download is tried again by the next element or attribute.
  mount.catch(() => (mount = undefined));
  return mount;
};

/** Shown until the rest is there; the same place and colours, so that nothing jumps. */
const skeleton = new CSSStyleSheet();
skeleton.replaceSync(
  ":host{display:block;min-height:22rem}:host([hidden]){display:none}" +
    ".wait{block-size:100%;min-block-size:22rem;border-radius:var(--ef-radius,12px);background:light-dark(#eef0f4,#1d2129)}" +
    "iframe{display:block;inline-size:100%;border:0}",
);

class EventflowSeats extends HTMLElement {
  static readonly formAssociated = true;
  static readonly observedAttributes = [...IDENTITY_ATTRIBUTES, ...LIVE_ATTRIBUTES];

  readonly #root = this.attachShadow({ mode: "open" });
  readonly #internals = this.attachInternals();
  #mounted: Promise<Mounted> | undefined;
  #running: Mounted | undefined;
  /** Counts what was begun: what is late must not replace what is newer. */
  #turn = 0;

  get value(): string {
    return this.#running?.value ?? "";
  }
  get form(): HTMLFormElement | null {
    return this.#internals.form;
  }

  connectedCallback(): void {
    if (!this.#mounted) this.#start();
  }

  disconnectedCallback(): void {
    // Frameworks take elements out and put them back: only what stays out is closed.
    setTimeout(() => {
      if (!this.isConnected) this.#stop();
    });
  }

  attributeChangedCallback(name: string, before: string | null, value: string | null): void {
    if (!this.#mounted || before === value) return;
    if ((IDENTITY_ATTRIBUTES as readonly string[]).includes(name)) {
      this.#stop();
      if (this.isConnected) this.#start();
    } else void this.#mounted.then((mounted) => mounted.attribute(name, value)).catch(() => undefined);
  }

  call(name: string, args: unknown[]): Promise<unknown> {
    if (!this.#mounted) this.#start();
    return (this.#mounted as Promise<Mounted>).then((mounted) => mounted.call(name, args));
  }

  /** Frameworks keep `key` to themselves: it goes by another name as well. */
  #key(): string {
    return this.getAttribute("key") ?? this.getAttribute("publishable-key") ?? "";
  }

  #locale(): string {
    const around = this.closest<HTMLElement>("[lang]")?.lang;
    return this.getAttribute("locale") || around || navigator.language || "en";
  }

  #stop(): void {
    this.#turn++;
    this.#running?.close();
    this.#running = undefined;
    this.#mounted = undefined;
  }

  #start(): void {
    const turn = ++this.#turn;
    const wait = document.createElement("div");
    wait.className = "wait";
    wait.setAttribute("part", "loading");
    this.#root.adoptedStyleSheets = [skeleton];
    this.#root.replaceChildren(wait);
    this.#mounted = this.#open().then((mounted) => {
      if (turn === this.#turn) this.#running = mounted;
      else mounted.close();
      return mounted;
    });
    this.#mounted.catch((error: unknown) => {
      if (turn === this.#turn) this.#fail(error);
    });
  }

  async #open(): Promise<Mounted> {
    const api = (this.getAttribute("api") || new URL(here).origin).replace(/\/+$/, "");
    const [event, key] = [this.getAttribute("event") ?? "", this.#key()];
    if (!/^evt_\w+$/.test(event) || !key) throw new Error("EventFlow: <eventflow-seats> needs event and key");
    const mode = this.getAttribute("mode");
    const options = { host: this, root: this.#root, internals: this.#internals, api, event, key };
    if (mode === "frame" || (mode !== "inline" && !wasmAllowed())) return ((await pinned("framed.js")) as typeof Framed).framed(options);
    const ask = (path: string): Promise<Response> => {
      const answer = fetch(`${api}/v1/events/${event}${path}`, {
        headers: { authorization: `Bearer ${key}` },
        credentials: "omit",
        referrerPolicy: "origin",
      });
      // Whoever needs it sees the failure.
      answer.catch(() => undefined);
      return answer;
    };
    const early: Early = {
      event: ask(""),
      tiers: ask("/price-tiers?limit=100"),
      plan: ask("/plan"),
      stream: ask("/availability/stream"),
    };
    const wasm = fetch(part(WASM), { integrity: __EF_INTEGRITY__[WASM] ?? "", credentials: "omit" });
    wasm.catch(() => undefined);
    const restart = (): void => {
      this.#stop();
      this.#start();
    };
    const parts = { wasm, early, restart, load: pinned, texts, locale: () => this.#locale() };
    // Begun here, so that it is there when the widget asks for it.
    const language = texts(this.#locale());
    const open = await loadMount();
    await language;
    return open({ ...options, ...parts });
  }

  /** The rest could not be had: the hosted page is a way to buy all the same. */
  #fail(error: unknown): void {
    console.error(error);
    const link = document.createElement("a");
    const event = this.getAttribute("event") ?? "";
    link.href = `${new URL(here).origin}/e/${encodeURIComponent(event)}?key=${encodeURIComponent(this.#key())}`;
    link.textContent = /^de\b/.test(this.#locale()) ? "Zum Ticketshop" : "Open the ticket shop";
    this.#root.replaceChildren(link);
    const detail = { code: "network", message: String(error) };
    this.dispatchEvent(new CustomEvent("eventflow-error", { detail, bubbles: true, composed: true }));
  }
}

for (const name of METHODS) {
  Object.defineProperty(EventflowSeats.prototype, name, {
    value(this: EventflowSeats, ...args: unknown[]) {
      return this.call(name, args);
    },
    writable: true,
    configurable: true,
  });
}

// A page may load two versions: the first one stays.
if (!customElements.get("eventflow-seats")) customElements.define("eventflow-seats", EventflowSeats);

/**
 * The basket of this tab. It survives a reload, the back button and the way to the payment page and back, and belongs to one
 * tab alone: a duplicated tab begins with an empty one. No cookies, nothing that outlives the tab.
 */

import type { AreaPick, Pick } from "./store.js";

export interface Saved {
  tab: string;
  picks: readonly Pick[];
  areas: readonly AreaPick[];
  hold: { id: string; token: string } | null;
  order: { id: string; token: string } | null;
  /** Codes that were entered for the basket. */
  codes?: readonly string[];
  /** An order request that has not been answered: repeated with its key after a reload. */
  pending: { key: string; body: unknown } | null;
}

/** The mark in the URL to which the buyer comes back from the payment page. */
export const MARK = "eventflow";
/** How long to wait for the page before us to let go of the basket. */
const LOCK_WAIT_MS = 500;

const empty = (tab: string): Saved => ({ tab, picks: [], areas: [], hold: null, order: null, pending: null });

export class Session {
  #saved: Saved;
  #release: (() => void) | undefined;

  private constructor(
    private readonly name: string,
    saved: Saved,
  ) {
    this.#saved = saved;
  }

  /** Opens the basket of an event; an empty one if another tab has it. */
  static async open(event: string, newId: () => string): Promise<Session> {
    const name = `eventflow:${event}`;
    const saved = read(name) ?? empty(newId());
    const session = new Session(name, saved);
    if (!(await session.#lock())) {
      session.#saved = empty(newId());
      await session.#lock();
    }
    return session;
  }

  get saved(): Saved {
    return this.#saved;
  }

  save(patch: Partial<Saved>): void {
    this.#saved = { ...this.#saved, ...patch };
    try {
      sessionStorage.setItem(this.name, JSON.stringify(this.#saved));
    } catch {
      // Storage is refused or full: the basket then lives as long as the page.
    }
  }

  close(): void {
    this.#release?.();
  }

  async #lock(): Promise<boolean> {
    if (!("locks" in navigator)) return true;
    return await new Promise((resolve) => {
      const held = (): Promise<void> => {
        resolve(true);
        return new Promise((release) => (this.#release = release));
      };
      navigator.locks
        .request(`eventflow:${this.#saved.tab}`, { signal: AbortSignal.timeout(LOCK_WAIT_MS) }, held)
        .catch((error: unknown) => resolve(!(error instanceof DOMException && error.name === "TimeoutError")));
    });
  }
}

function read(name: string): Saved | null {
  try {
    const saved = JSON.parse(sessionStorage.getItem(name) ?? "null") as Saved | null;
    return saved && Array.isArray(saved.picks) && Array.isArray(saved.areas) ? saved : null;
  } catch {
    return null;
  }
}

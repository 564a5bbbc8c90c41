/** Lists: `await` gives the first page, `for await` every object of every page. */

/** A page of a list. */
export interface Page<T> {
  data: T[];
  /** Leads to the next page; absent on the last one. */
  next_cursor?: string | null | undefined;
}

/** A list that is read as far as it is used: nothing is sent before somebody awaits or iterates. */
export class Pages<T> implements PromiseLike<Page<T>>, AsyncIterable<T> {
  readonly #fetch: (cursor: string | undefined) => Promise<Page<T>>;

  constructor(fetch: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#fetch = fetch;
  }

  /** The first page. */
  then<A = Page<T>, B = never>(
    fulfilled?: ((page: Page<T>) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#fetch(undefined).then(fulfilled, rejected);
  }

  /** Page by page. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    let cursor: string | undefined;
    do {
      const page = await this.#fetch(cursor);
      yield page;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.data;
  }

  /** Every object in one array. `max` bounds how many are read. */
  async all(max = Infinity): Promise<T[]> {
    const all: T[] = [];
    for await (const object of this) {
      if (all.length >= max) break;
      all.push(object);
    }
    return all;
  }
}

/** The methods of the element. */

import { Problem } from "../api.js";
import type { BestAvailable, EventflowMethods, EventflowPlace, SeatChoice } from "../eventflow-seats.js";
import { places } from "../places.js";
import { tiersOfArea } from "../purchase.js";
import { publicHold, publicOrder } from "./public.js";
import type { App } from "../ui/view.js";

type Table = { [M in keyof EventflowMethods]: (...args: Parameters<EventflowMethods[M]>) => ReturnType<EventflowMethods[M]> };

export class Methods {
  readonly #table: Table;

  constructor(private readonly app: App) {
    const { purchase, holding, ordering, engine } = app;
    this.#table = {
      ready: async () => undefined,
      select: async (...seats) => this.#select(seats),
      deselect: async (...seats) => {
        purchase.remove(seats.map((seat) => this.#seat(seat)));
        return this.#selection();
      },
      clear: async () => purchase.clear(),
      selection: async () => this.#selection(),
      setArea: async (area, quantity, tier) => {
        const chosen = tier ?? tiersOfArea(app.store.state, area)[0]?.id;
        if (!engine.areaByKey(area) || !chosen) throw new Problem("unknown_seat", 0, `no area ${area}`);
        await purchase.setArea(area, chosen, Math.max(0, Math.trunc(quantity)));
        return this.#selection();
      },
      bestAvailable: async (wish: BestAvailable) => publicHold(app, await holding.hold(wish)),
      hold: async () => publicHold(app, await holding.hold()),
      release: () => holding.release(),
      extend: async () => publicHold(app, await holding.extend()),
      checkout: async (buyer) => publicOrder(await ordering.submit(buyer)),
      zoomToSection: async (key) => {
        const section = engine.meta.sections.find((one) => one.key === key);
        if (!section) throw new Problem("unknown_seat", 0, `no section ${key}`);
        app.openSection(section.i);
      },
      zoomToSeats: async (...seats) => app.locate(seats.map((seat) => this.#seat(seat))),
      showFloor: async (key) => {
        const floor = engine.meta.floors.findIndex((one) => one.key === key);
        if (floor < 0) throw new Problem("unknown_seat", 0, `no floor ${key}`);
        app.store.do({ do: "show", patch: { floor } });
      },
      fit: async () => {
        engine.picker.fit();
        app.map.paint();
      },
    };
  }

  call(name: string, args: unknown[]): Promise<unknown> {
    const method = this.#table[name as keyof Table] as ((...args: unknown[]) => Promise<unknown>) | undefined;
    return method ? method(...args) : Promise.reject(new Problem("not_found", 0, `no method ${name}`));
  }

  #seat(seat: number | string): number {
    const index = typeof seat === "number" ? seat : this.app.engine.picker.find(seat);
    if (index < 0 || !this.app.engine.seat(index)) throw new Problem("unknown_seat", 0, `no seat ${seat}`);
    return index;
  }

  #selection(): EventflowPlace[] {
    const { picks, areas } = this.app.store.state;
    return places(this.app, picks, areas);
  }

  async #select(choices: SeatChoice[]): Promise<EventflowPlace[]> {
    const each = choices.map((choice) => (typeof choice === "object" ? choice : { seat: choice }));
    const seats = each.map((choice) => this.#seat(choice.seat));
    const answer = await this.app.purchase.add(seats, each.map((choice) => ("priceTier" in choice ? choice.priceTier : undefined)));
    if (!answer) throw new Problem("conflict", 0, "nothing can be selected now");
    const selected = new Set(this.app.engine.selected());
    if (answer.refused || !seats.some((seat) => selected.has(seat))) {
      const reason = answer.refused?.code ?? "taken";
      throw new Problem(reason === "max" ? "hold_limit" : "seats_taken", 0, reason);
    }
    return this.#selection();
  }
}

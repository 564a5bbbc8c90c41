/** The engine's operations (src/bridge.rs, which says what each does) with their names and types. */

/** The same table as in src/bridge.rs, where a test compares them. */
const enum Do {
  open = 0,
  meta = 1,
  section_rows = 2,
  row_seats = 3,
  seat = 4,
  area = 5,
  find = 6,
  images = 7,
  apply_snapshot = 8,
  apply_diff = 9,
  take_lost = 10,
  mine = 11,
  availability = 12,
  category_availability = 13,
  set_categories = 14,
  set_traits_filter = 15,
  set_rules = 16,
  set_theme = 17,
  set_stage_label = 18,
  reduce_motion = 19,
  resize = 20,
  set_floor = 21,
  floor = 22,
  fit = 23,
  zoom_by = 24,
  pan_by = 25,
  zoom_to_section = 26,
  zoom_to_seats = 27,
  zoom = 28,
  view = 29,
  render = 30,
  frame = 31,
  frame_width = 32,
  frame_height = 33,
  dirty = 34,
  minimap_resize = 35,
  minimap = 36,
  minimap_to = 37,
  needs_texts = 38,
  add_texts = 39,
  reset_texts = 40,
  pointer = 41,
  wheel = 42,
  set_marquee_mode = 43,
  hit = 44,
  toggle = 45,
  marquee = 46,
  select = 47,
  clear = 48,
  selected = 49,
  violations = 50,
  highlight = 51,
  set_area_picks = 52,
  move_focus = 53,
  focus = 54,
  focused = 55,
  show_focus = 56,
}

/** What the module exports. */
interface Exports {
  memory: WebAssembly.Memory;
  give(bytes: number): number;
  answer(): number;
  call(operation: number, a: number, b: number, c: number, d: number, e: number): number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A flag or a number, as the engine takes it. */
type Argument = number | boolean;

/** One plan in an instance of its own. */
export class SeatPicker {
  readonly #exports: Exports;

  /** Throws when the plan is none. */
  constructor(instance: WebAssembly.Instance, plan: Uint8Array) {
    this.#exports = instance.exports as unknown as Exports;
    if (!this.#given(Do.open, plan)) throw new Error("plan_malformed");
  }

  #call(operation: Do, a: Argument = 0, b: Argument = 0, c: Argument = 0, d: Argument = 0, e: Argument = 0): number {
    return this.#exports.call(operation, +a, +b, +c, +d, +e);
  }

  /** With bytes besides numbers. */
  #given(operation: Do, { buffer, byteOffset, byteLength }: Uint8Array | Uint32Array, a = 0): number {
    const at = this.#exports.give(byteLength);
    this.pixels(at, byteLength).set(new Uint8Array(buffer, byteOffset, byteLength));
    return this.#call(operation, a);
  }

  // The answers that a call has made, by the bytes that it has said they have.
  #bytes(length: number): Uint8ClampedArray<ArrayBuffer> {
    return this.pixels(this.#exports.answer(), length);
  }
  #text(length: number): string {
    return decoder.decode(this.#bytes(length));
  }
  #list(length: number): Uint32Array {
    return new Uint32Array(this.#bytes(length).slice().buffer);
  }
  #reals(length: number): Float64Array {
    return new Float64Array(this.#bytes(length).slice().buffer);
  }

  /** A part of the memory; dies with the next call that makes it grow. */
  pixels(at: number, length: number): Uint8ClampedArray<ArrayBuffer> {
    return new Uint8ClampedArray(this.#exports.memory.buffer as ArrayBuffer, at >>> 0, length);
  }
  /** Bytes of memory. */
  get size(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  meta(): string {
    return this.#text(this.#call(Do.meta));
  }
  section_rows(section: number): string {
    return this.#text(this.#call(Do.section_rows, section));
  }
  row_seats(row: number): string {
    return this.#text(this.#call(Do.row_seats, row));
  }
  seat(seat: number): string {
    return this.#text(this.#call(Do.seat, seat));
  }
  area(area: number): string {
    return this.#text(this.#call(Do.area, area));
  }
  find(label: string): number {
    return this.#given(Do.find, encoder.encode(label));
  }
  images(): string {
    return this.#text(this.#call(Do.images));
  }

  apply_snapshot(bytes: Uint8Array): number {
    return this.#given(Do.apply_snapshot, bytes);
  }
  apply_diff(bytes: Uint8Array): number {
    return this.#given(Do.apply_diff, bytes);
  }
  take_lost(): Uint32Array {
    return this.#list(this.#call(Do.take_lost));
  }
  mine(seats: Uint32Array): void {
    this.#given(Do.mine, seats);
  }
  availability(section: number): Uint32Array {
    return this.#list(this.#call(Do.availability, section));
  }
  category_availability(): Uint32Array {
    return this.#list(this.#call(Do.category_availability));
  }

  set_categories(enabled: Uint8Array): void {
    this.#given(Do.set_categories, enabled);
  }
  set_traits_filter(required: number, excluded: number): void {
    this.#call(Do.set_traits_filter, required, excluded);
  }
  set_rules(orphans: number, adjacent: boolean, companions: boolean, min: number, max: number): void {
    this.#call(Do.set_rules, orphans, adjacent, companions, min, max);
  }
  set_theme(colors: Uint32Array): void {
    this.#given(Do.set_theme, colors);
  }
  set_stage_label(label: string): void {
    this.#given(Do.set_stage_label, encoder.encode(label));
  }
  reduce_motion(reduce: boolean): void {
    this.#call(Do.reduce_motion, reduce);
  }

  resize(width: number, height: number, dpr: number): void {
    this.#call(Do.resize, width, height, dpr);
  }
  set_floor(floor: number): void {
    this.#call(Do.set_floor, floor);
  }
  floor(): number {
    return this.#call(Do.floor);
  }
  fit(): void {
    this.#call(Do.fit);
  }
  zoom_by(factor: number, x: number, y: number, animate: boolean): void {
    this.#call(Do.zoom_by, factor, x, y, animate);
  }
  pan_by(dx: number, dy: number): void {
    this.#call(Do.pan_by, dx, dy);
  }
  zoom_to_section(section: number): void {
    this.#call(Do.zoom_to_section, section);
  }
  zoom_to_seats(seats: Uint32Array): void {
    this.#given(Do.zoom_to_seats, seats);
  }
  zoom(): Float64Array {
    return this.#reals(this.#call(Do.zoom));
  }
  view(): Float64Array {
    return this.#reals(this.#call(Do.view));
  }

  render(now: number): number {
    return this.#call(Do.render, now);
  }
  frame(): number {
    return this.#call(Do.frame);
  }
  frame_width(): number {
    return this.#call(Do.frame_width);
  }
  frame_height(): number {
    return this.#call(Do.frame_height);
  }
  dirty(): Int32Array {
    return new Int32Array(this.#list(this.#call(Do.dirty)).buffer);
  }
  minimap_resize(width: number, height: number): void {
    this.#call(Do.minimap_resize, width, height);
  }
  minimap(): number {
    return this.#call(Do.minimap);
  }
  minimap_to(x: number, y: number): void {
    this.#call(Do.minimap_to, x, y);
  }
  needs_texts(): string {
    return this.#text(this.#call(Do.needs_texts));
  }
  /** The numbers of the texts, and behind them their bitmaps. */
  add_texts(texts: number, bytes: Uint8Array): void {
    this.#given(Do.add_texts, bytes, texts);
  }
  reset_texts(): void {
    this.#call(Do.reset_texts);
  }

  pointer(kind: number, id: number, x: number, y: number, time: number, buttons: number, shift: boolean, touch: boolean): string {
    const bits = kind | (+shift << 3) | (+touch << 4) | (buttons << 5);
    return this.#text(this.#call(Do.pointer, bits, id, x, y, time));
  }
  wheel(x: number, y: number, dx: number, dy: number, ctrl: boolean): void {
    this.#call(Do.wheel, x, y, dx, dy, ctrl);
  }
  set_marquee_mode(on: boolean): void {
    this.#call(Do.set_marquee_mode, on);
  }
  hit(x: number, y: number): string {
    return this.#text(this.#call(Do.hit, x, y));
  }

  toggle(seat: number, party: number): string {
    return this.#text(this.#call(Do.toggle, seat, party));
  }
  marquee(x0: number, y0: number, x1: number, y1: number, add: boolean): string {
    return this.#text(this.#call(Do.marquee, x0, y0, x1, y1, add));
  }
  select(seats: Uint32Array): string {
    return this.#text(this.#given(Do.select, seats));
  }
  clear(): void {
    this.#call(Do.clear);
  }
  selected(): Uint32Array {
    return this.#list(this.#call(Do.selected));
  }
  violations(): string {
    return this.#text(this.#call(Do.violations));
  }
  highlight(seats: Uint32Array): void {
    this.#given(Do.highlight, seats);
  }
  set_area_picks(picks: Uint32Array): void {
    this.#given(Do.set_area_picks, picks);
  }

  move_focus(direction: number): number {
    return this.#call(Do.move_focus, direction);
  }
  focus(seat: number): void {
    this.#call(Do.focus, seat);
  }
  focused(): number {
    return this.#call(Do.focused);
  }
  show_focus(show: boolean): void {
    this.#call(Do.show_focus, show);
  }
}

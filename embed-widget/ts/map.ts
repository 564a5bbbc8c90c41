/** The canvas: hands pointers, sizes and colours to the engine, and puts its pixels on the screen. */

import type { Ctx } from "./ctx.js";
import type { Hit, PointerAnswer } from "./engine.js";
import { drawTexts } from "./glyphs.js";
import type { Images } from "./images.js";

const PIXELS = 1;
const AGAIN = 2;
const MINIMAP = 4;
const TEXTS = 8;
const MOVED = 16;

const KINDS: Record<string, number> = {
  pointerdown: 0,
  pointermove: 1,
  pointerup: 2,
  pointercancel: 3,
  pointerleave: 4,
};

/** More device pixels than this cost more than anybody sees. */
const DPR_MAX = 2.5;
/** The minimap in CSS pixels; it hides where the plan is small anyway. */
const MINIMAP_SIZE = { width: 120, height: 84 };

export interface MapEvents {
  click(hit: Hit, at: { x: number; y: number; touch: boolean }): void;
  hover(hit: Hit, touch: boolean): void;
  marquee(box: [number, number, number, number]): void;
  /** The view has moved: what is placed over the map moves along. */
  moved(): void;
}

export class MapView {
  readonly canvas: HTMLCanvasElement;
  readonly minimap: HTMLCanvasElement;
  /** Where images of the plan lie, under the canvas. */
  readonly #pixels: OffscreenCanvasRenderingContext2D;
  readonly #small: CanvasRenderingContext2D;
  #frame = 0;
  #size = { width: 0, height: 0, dpr: 1 };
  #observer: ResizeObserver;
  #dprQuery: MediaQueryList | undefined;
  #closed = false;
  #font = "sans-serif";

  constructor(
    private readonly ctx: Ctx,
    private readonly box: HTMLElement,
    private readonly events: MapEvents,
    private readonly images: Images,
  ) {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "canvas";
    this.canvas.setAttribute("aria-hidden", "true");
    this.canvas.setAttribute("part", "canvas");
    this.minimap = document.createElement("canvas");
    this.minimap.className = "minimap";
    this.minimap.setAttribute("aria-hidden", "true");
    this.minimap.hidden = true;
    box.prepend(this.canvas, this.minimap);
    // A canvas that nothing shows through costs the browser half as much to put on the screen; one whose pixels are in
    // memory anyway, and that goes to the screen past the page, a sixth less.
    const pixels = { alpha: images.any, willReadFrequently: true };
    this.#pixels = this.canvas.transferControlToOffscreen().getContext("2d", pixels) as OffscreenCanvasRenderingContext2D;
    this.#small = this.minimap.getContext("2d", { alpha: false }) as CanvasRenderingContext2D;
    for (const name of Object.keys(KINDS)) this.canvas.addEventListener(name, this.#pointer as EventListener);
    this.canvas.addEventListener("wheel", this.#wheel, { passive: false });
    this.canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    this.minimap.addEventListener("pointerdown", this.#jump);
    this.minimap.addEventListener("pointermove", this.#jump);
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(box);
    this.#watchDpr();
  }

  close(): void {
    this.#closed = true;
    cancelAnimationFrame(this.#frame);
    this.#observer.disconnect();
    this.#dprQuery?.removeEventListener("change", this.#dprChanged);
  }

  /** Paints in the next frame. To be called after every change of the engine. */
  paint(): void {
    if (!this.#frame && !this.#closed) this.#frame = requestAnimationFrame(this.#draw);
  }

  /** Reads font and colours from the styles of the page. */
  restyle(): void {
    this.#font = getComputedStyle(this.box).fontFamily;
    // Of a custom property only the words are known; as the colour of an element they become a colour.
    const probe = document.createElement("i");
    // Forced colours are for texts and controls; a map of one colour would show nothing.
    probe.style.setProperty("forced-color-adjust", "none");
    this.box.append(probe);
    const colors = COLOR_NAMES.map((name) => {
      probe.style.color = `var(${name})`;
      return rgb(getComputedStyle(probe).color);
    });
    probe.remove();
    this.ctx.engine.picker.set_theme(Uint32Array.from(colors));
    this.ctx.engine.picker.reset_texts();
    this.paint();
  }

  /** The middle, for zooming by buttons and keys. */
  zoom(factor: number): void {
    this.ctx.engine.picker.zoom_by(factor, this.#size.width / 2, this.#size.height / 2, true);
    this.paint();
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.box;
    // A map that is hidden keeps its size.
    if (!width || !height) return;
    const dpr = Math.min(DPR_MAX, devicePixelRatio || 1);
    if (width === this.#size.width && height === this.#size.height && dpr === this.#size.dpr) return;
    this.#size = { width, height, dpr };
    const { picker } = this.ctx.engine;
    picker.resize(width, height, dpr);
    const { canvas } = this.#pixels;
    [canvas.width, canvas.height] = [picker.frame_width(), picker.frame_height()];
    [this.minimap.width, this.minimap.height] = [MINIMAP_SIZE.width * dpr, MINIMAP_SIZE.height * dpr].map(Math.round) as [
      number,
      number,
    ];
    picker.minimap_resize(this.minimap.width, this.minimap.height);
    // At once: an empty frame between two sizes flickers.
    cancelAnimationFrame(this.#frame);
    this.#draw(performance.now());
  }

  #watchDpr(): void {
    this.#dprQuery = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    this.#dprQuery.addEventListener("change", this.#dprChanged, { once: true });
  }

  #dprChanged = (): void => {
    this.#resize();
    this.#watchDpr();
  };

  #draw = (now: number): void => {
    this.#frame = 0;
    if (!this.#size.width) return;
    const { picker } = this.ctx.engine;
    const flags = picker.render(now);
    if (flags & PIXELS) {
      const [width, height] = [picker.frame_width(), picker.frame_height()];
      const image = new ImageData(picker.pixels(picker.frame(), width * height * 4), width, height);
      const dirty = picker.dirty();
      for (let at = 0; at + 3 < dirty.length; at += 4) {
        const [x = 0, y = 0, w = 0, k = 0] = dirty.subarray(at, at + 4);
        this.#pixels.putImageData(image, 0, 0, x, y, w, k);
      }
    }
    if (flags & (MINIMAP | MOVED)) this.#drawMinimap();
    if (flags & TEXTS && drawTexts(picker, this.#font)) this.paint();
    if (flags & MOVED) {
      this.images.place(picker.view());
      this.events.moved();
    }
    if (flags & AGAIN) this.paint();
  };

  #drawMinimap(): void {
    const { picker } = this.ctx.engine;
    const [now = 1] = picker.zoom();
    this.minimap.hidden = now < 1.4;
    const at = picker.minimap();
    if (this.minimap.hidden || !at) return;
    const { width, height } = this.minimap;
    this.#small.putImageData(new ImageData(picker.pixels(at, width * height * 4), width, height), 0, 0);
  }

  #at(event: MouseEvent): { x: number; y: number } {
    const box = this.canvas.getBoundingClientRect();
    // A page may be scaled by transforms.
    const scale = box.width ? this.#size.width / box.width : 1;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  }

  #pointer = (event: PointerEvent): void => {
    if (event.type === "pointerdown") {
      if (event.button !== 0 && event.pointerType === "mouse") return;
      this.canvas.setPointerCapture(event.pointerId);
    }
    const { x, y } = this.#at(event);
    const touch = event.pointerType === "touch";
    const text = this.ctx.engine.picker.pointer(
      KINDS[event.type] ?? 3,
      event.pointerId,
      x,
      y,
      event.timeStamp,
      event.buttons,
      event.shiftKey,
      touch,
    );
    this.paint();
    if (!text) return;
    const answer = JSON.parse(text) as PointerAnswer;
    if (answer.hover) {
      this.canvas.style.cursor = Object.keys(answer.hover).length ? "pointer" : "";
      this.events.hover(answer.hover, touch);
    }
    if (answer.drag) this.events.hover({}, touch);
    if (answer.marquee) this.events.marquee(answer.marquee);
    if (answer.click) this.events.click(answer.click, { x, y, touch });
  };

  #wheel = (event: WheelEvent): void => {
    // The page scrolls over a map that shows everything; zooming begins with ctrl, a pinch or the buttons, and goes on
    // with the plain wheel.
    const [now = 1, least = 1] = this.ctx.engine.picker.zoom();
    const inside = event.ctrlKey || event.metaKey || document.fullscreenElement === this.ctx.host;
    if (!inside && now <= least * 1.01 && event.deltaY > 0) return;
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const { x, y } = this.#at(event);
    const [dx, dy] = event.shiftKey && !event.deltaX ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
    this.ctx.engine.picker.wheel(x, y, dx * unit, dy * unit, event.ctrlKey || event.metaKey);
    this.paint();
  };

  #jump = (event: PointerEvent): void => {
    if (!event.buttons) return;
    const box = this.minimap.getBoundingClientRect();
    this.ctx.engine.picker.minimap_to((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    this.paint();
  };
}

/** The colours of the engine, in its order, as custom properties of our style sheet. */
const COLOR_NAMES = [
  "--map-background",
  "--map-section",
  "--map-section-line",
  "--map-text",
  "--map-muted",
  "--map-selection",
  "--map-selection-mark",
  "--map-focus",
  "--map-unavailable",
  "--map-shape",
  "--map-shape-line",
  "--map-lost",
];

const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Any CSS colour as 0xRRGGBB: the canvas understands all that the browser does. */
export function rgb(css: string): number {
  if (!probe) return 0;
  probe.fillStyle = "#808080";
  probe.fillStyle = css.trim();
  probe.fillRect(0, 0, 1, 1);
  const [r = 0, g = 0, b = 0] = probe.getImageData(0, 0, 1, 1).data;
  return (r << 16) | (g << 8) | b;
}

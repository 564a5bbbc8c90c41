// Our engine, painted as ts/map.ts paints it.
import { drawTexts } from "../ts/glyphs.ts";
import { SeatPicker } from "../ts/picker.ts";
import { ANCHOR, enter, VIEW } from "./common.ts";

const [PIXELS, TEXTS] = [1, 8];
let picker: SeatPicker;
let context: OffscreenCanvasRenderingContext2D;
let bursts: Uint8Array[];

function draw(): void {
  const flags = picker.render(performance.now());
  if (flags & PIXELS) {
    const [width, height] = [picker.frame_width(), picker.frame_height()];
    const image = new ImageData(picker.pixels(picker.frame(), width * height * 4), width, height);
    const dirty = picker.dirty();
    for (let at = 0; at + 3 < dirty.length; at += 4) {
      const [x = 0, y = 0, w = 0, h = 0] = dirty.subarray(at, at + 4);
      context.putImageData(image, 0, 0, x, y, w, h);
    }
  }
  // They are painted in the next frame.
  if (flags & TEXTS) drawTexts(picker, "sans-serif");
}

enter({
  async build(host, _seats, ratio, data) {
    const { instance } = await WebAssembly.instantiateStreaming(fetch("engine_bg.wasm"));
    bursts = data.bursts;
    picker = new SeatPicker(instance, data.plan);
    picker.apply_snapshot(data.snapshot);
    const canvas = document.createElement("canvas");
    canvas.style.cssText = `width:${VIEW.width}px;height:${VIEW.height}px`;
    host.append(canvas);
    const pixels = canvas.transferControlToOffscreen();
    context = pixels.getContext("2d", { alpha: false, willReadFrequently: true })!;
    picker.resize(VIEW.width, VIEW.height, ratio);
    [pixels.width, pixels.height] = [picker.frame_width(), picker.frame_height()];
    draw();
  },
  step(step) {
    if (step.zoom !== 1) picker.zoom_by(step.zoom, ANCHOR.x, ANCHOR.y, false);
    if (step.dx || step.dy) picker.pan_by(step.dx, step.dy);
    draw();
  },
  burst() {
    const diff = bursts.shift();
    if (!diff || picker.apply_diff(diff) !== 0) throw new Error("the burst does not apply");
    draw();
  },
  hit: (x, y) => (picker.hit(x, y) === "{}" ? -1 : 0),
  foreignBytes: () => picker.size,
});

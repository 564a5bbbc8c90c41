/** Draws the texts that the engine wants: the browser knows fonts, scripts and directions. */

import { isRightToLeft } from "./i18n/texts.js";
import type { SeatPicker } from "./picker.js";

interface Wanted {
  id: number;
  size: number;
  weight: number;
  rotation: number;
  text: string;
}

/** Room around a text for what fonts draw beyond their advance. */
const MARGIN = 2;
/** No text is drawn larger; the engine scales nothing. */
const SIDE_MAX = 2_048;

const canvas = document.createElement("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });

/** True when there was something to draw. */
export function drawTexts(picker: SeatPicker, font: string): boolean {
  const wanted = JSON.parse(picker.needs_texts()) as Wanted[];
  if (!wanted.length || !context) return false;
  const metrics: number[] = [];
  const bitmaps = wanted.map((text) => {
    const { width, height, left, top, coverage } = draw(context, text, font);
    metrics.push(text.id, width, height, left, top, 0);
    return coverage;
  });
  const all = new Uint8Array(bitmaps.reduce((sum, bitmap) => sum + bitmap.length, metrics.length * 4));
  let at = 0;
  for (const part of [new Uint8Array(Int32Array.from(metrics).buffer), ...bitmaps]) {
    all.set(part, at);
    at += part.length;
  }
  picker.add_texts(wanted.length, all);
  return true;
}

interface Bitmap {
  width: number;
  height: number;
  left: number;
  top: number;
  coverage: Uint8Array;
}

function draw(context: CanvasRenderingContext2D, wanted: Wanted, font: string): Bitmap {
  const css = `${wanted.weight} ${wanted.size}px ${font}`;
  context.font = css;
  const advance = context.measureText(wanted.text).width;
  const angle = (wanted.rotation * Math.PI) / 180;
  const [cos, sin] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))];
  const tall = wanted.size * 1.3;
  const width = Math.min(SIDE_MAX, Math.ceil(advance * cos + tall * sin) + 2 * MARGIN);
  const height = Math.min(SIDE_MAX, Math.ceil(advance * sin + tall * cos) + 2 * MARGIN);
  if (!wanted.text || !width || !height) return { width: 0, height: 0, left: 0, top: 0, coverage: new Uint8Array() };
  if (canvas.width < width || canvas.height < height) {
    canvas.width = Math.max(canvas.width, width);
    canvas.height = Math.max(canvas.height, height);
  }
  const [left, top] = [-Math.floor(width / 2), -Math.floor(height / 2)];
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  context.translate(-left, -top);
  context.rotate(angle);
  // Setting the size of a canvas forgets its font.
  context.font = css;
  context.direction = isRightToLeft(wanted.text) ? "rtl" : "ltr";
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.fillText(wanted.text, 0, wanted.size * 0.36);
  const pixels = context.getImageData(0, 0, width, height).data;
  const coverage = new Uint8Array(width * height);
  for (let at = 0; at < coverage.length; at++) coverage[at] = pixels[at * 4 + 3] ?? 0;
  return { width, height, left, top, coverage };
}

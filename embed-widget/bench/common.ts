// What every contestant gets: the same seats, the same journey of the camera, the same clock.

/** Read from `seats-<n>.bin`, which is written from the very plan that the engine draws. */
export interface Seats {
  count: number;
  /** Positions in the plan's unit; radius of a seat in it. */
  x: Float32Array;
  y: Float32Array;
  radius: number;
  bounds: { left: number; top: number; width: number; height: number };
  /** Colour of each seat, 0xRRGGBB. */
  colour: Uint32Array;
}

/** One step of the camera, in CSS pixels: first the zoom around `ANCHOR`, then the shift. */
export interface Step {
  zoom: number;
  dx: number;
  dy: number;
}

export interface Contestant {
  /** Everything from the data to the first frame that was drawn. */
  build(host: HTMLElement, seats: Seats, ratio: number, data: Data): Promise<void>;
  /** Moves the camera and draws. */
  step(step: Step): void;
  /** Gives these seats another colour (or status) and draws. */
  burst(seats: Uint32Array): void;
  /** The seat under a point in CSS pixels, or -1. */
  hit(x: number, y: number): number;
  /** Bytes that no JavaScript heap counts: WebAssembly's memory. */
  foreignBytes(): number;
}

/** What only the engine needs, as the server sends it: the plan, the state of all seats, and changes of `BURST` seats. */
export interface Data {
  plan: Uint8Array;
  snapshot: Uint8Array;
  bursts: Uint8Array[];
}

export const VIEW = { width: 1280, height: 800, margin: 24 };
/** In the middle of a stand: where the zoom leads there are seats. */
export const ANCHOR = { x: 640, y: 150 };
export const BURST = 1000;
const PHASES = ["overview", "zoom", "close"] as const;
type Phase = (typeof PHASES)[number];
/** How much larger everything is at the end of the zoom. */
const CLOSE = 12;

/** `frames` steps of a phase. The journey is the same for everyone, whatever the number of frames. */
function journey(phase: Phase, frames: number): Step[] {
  const at = (t: number) => ({ x: 120 * Math.sin(2 * Math.PI * t), y: 60 * Math.sin(4 * Math.PI * t) });
  return Array.from({ length: frames }, (_, index) => {
    const [from, to] = [index / frames, (index + 1) / frames];
    const reach = phase === "overview" ? 1 : 8;
    const [a, b] = [at(from), at(to)];
    const shift = { dx: reach * (b.x - a.x), dy: reach * (b.y - a.y) };
    return phase === "zoom" ? { zoom: CLOSE ** (1 / frames), dx: 0, dy: 0 } : { zoom: 1, ...shift };
  });
}

const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
/** Two frames later, what was drawn has been handed to the compositor. */
const shown = async () => {
  await frame();
  await frame();
};

/** The same numbers everywhere: Marsaglia's xorshift. */
export function random(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

function readSeats(bytes: ArrayBuffer): Seats {
  const head = new Float32Array(bytes, 0, 6);
  const count = new Uint32Array(bytes, 0, 1)[0]!;
  const [radius, left, top, width, height] = [head[1]!, head[2]!, head[3]!, head[4]!, head[5]!];
  const floats = (part: number) => new Float32Array(bytes, 24 + part * count * 4, count);
  const colour = new Uint32Array(bytes, 24 + 2 * count * 4, count);
  return { count, radius, bounds: { left, top, width, height }, x: floats(0), y: floats(1), colour };
}

/** Each part after its length. */
function readParts(bytes: ArrayBuffer): Uint8Array[] {
  const view = new DataView(bytes);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const length = view.getUint32(at, true);
    parts.push(new Uint8Array(bytes, at + 4, length));
    at += 4 + length;
  }
  return parts;
}

/** Plan units to CSS pixels so that everything is in view, as the camera of a contestant begins. */
export function fit(seats: Seats): { scale: number; x: number; y: number } {
  const { left, top, width, height } = seats.bounds;
  const scale = Math.min((VIEW.width - 2 * VIEW.margin) / width, (VIEW.height - 2 * VIEW.margin) / height);
  return {
    scale,
    x: VIEW.width / 2 - scale * (left + width / 2),
    y: VIEW.height / 2 - scale * (top + height / 2),
  };
}

/** A camera for those who have none: where the plan's origin is on the screen, and its scale. */
export function moved(camera: { scale: number; x: number; y: number }, step: Step) {
  return {
    scale: camera.scale * step.zoom,
    x: ANCHOR.x + (camera.x - ANCHOR.x) * step.zoom + step.dx,
    y: ANCHOR.y + (camera.y - ANCHOR.y) * step.zoom + step.dy,
  };
}

/** Puts the contestant at the disposal of run.mjs. */
export function enter(contestant: Contestant): void {
  let seats: Seats;
  const api = {
    phases: PHASES,
    async build(count: number, ratio: number) {
      const read = async (name: string) => (await fetch(`data/${name}-${count}.bin`)).arrayBuffer();
      seats = readSeats(await read("seats"));
      const [plan, snapshot] = [new Uint8Array(await read("plan")), new Uint8Array(await read("snapshot"))];
      const data = { plan, snapshot, bursts: readParts(await read("bursts")) };
      const began = performance.now();
      await contestant.build(document.body, seats, ratio, data);
      await frame();
      return { ms: performance.now() - began, count: seats.count };
    },
    /** Milliseconds between frames. Ends early after `limit` milliseconds. */
    async phase(phase: Phase, frames: number, limit: number) {
      const steps = journey(phase, frames);
      const intervals: number[] = [];
      const began = performance.now();
      let before = await frame();
      for (const step of steps) {
        contestant.step(step);
        const now = await frame();
        intervals.push(now - before);
        before = now;
        if (performance.now() - began > limit && intervals.length >= 5) break;
      }
      await shown();
      return intervals;
    },
    async burst(seed: number) {
      const next = random(seed);
      const changed = Uint32Array.from({ length: BURST }, () => Math.floor(next() * seats.count));
      const began = performance.now();
      contestant.burst(changed);
      await frame();
      return performance.now() - began;
    },
    /** Microseconds for each of `points` places, each asked `times` times: the browser's clock is too coarse for one. */
    hits(points: number, times: number) {
      const next = random(7);
      let found = 0;
      const micros = Array.from({ length: points }, () => {
        const [x, y] = [next() * VIEW.width, next() * VIEW.height];
        const began = performance.now();
        for (let turn = 0; turn < times; turn += 1) found += contestant.hit(x, y) >= 0 ? 1 : 0;
        return ((performance.now() - began) * 1000) / times;
      });
      return { micros, found: found / times };
    },
    foreignBytes: () => contestant.foreignBytes(),
  };
  Object.assign(window, { contest: api });
}

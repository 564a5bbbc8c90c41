// Konva as its own advice for many shapes has it: nothing listens, nothing is drawn perfectly, one layer.
import Konva from "konva";
import { enter, fit, moved, VIEW, type Seats } from "./common.ts";

let seats: Seats;
let stage: Konva.Stage;
let layer: Konva.Layer;
let camera = { scale: 1, x: 0, y: 0 };
const circles: Konva.Circle[] = [];

function draw(): void {
  layer.scale({ x: camera.scale, y: camera.scale });
  layer.position({ x: camera.x, y: camera.y });
  layer.draw();
}

const hex = (colour: number) => `#${colour.toString(16).padStart(6, "0")}`;

enter({
  async build(host, given, ratio) {
    seats = given;
    Konva.pixelRatio = ratio;
    const container = document.createElement("div");
    host.append(container);
    stage = new Konva.Stage({ container, width: VIEW.width, height: VIEW.height, listening: false });
    layer = new Konva.Layer({ listening: false });
    for (let seat = 0; seat < seats.count; seat += 1) {
      const circle = new Konva.Circle({
        x: seats.x[seat],
        y: seats.y[seat],
        radius: seats.radius,
        fill: hex(seats.colour[seat]!),
        listening: false,
        perfectDrawEnabled: false,
        shadowForStrokeEnabled: false,
      });
      circles.push(circle);
      layer.add(circle);
    }
    stage.add(layer);
    camera = fit(seats);
    draw();
  },
  step(step) {
    camera = moved(camera, step);
    draw();
  },
  burst(changed) {
    for (const seat of changed) circles[seat]!.fill("#888888");
    draw();
  },
  // Finding needs a second, hidden drawing of everything, which is switched off here for speed.
  hit: () => -1,
  foreignBytes: () => 0,
});

// Pixi's fastest way to many equal things: particles that share one texture, moved by their container.
import { Application, Graphics, Particle, ParticleContainer } from "pixi.js";
import { enter, fit, moved, VIEW, type Seats } from "./common.ts";

const app = new Application();
const particles: Particle[] = [];
let seats: Seats;
let container: ParticleContainer;
let camera = { scale: 1, x: 0, y: 0 };
/** Pixels of the texture's radius: as large as a seat gets at the end of the journey. */
const TEXTURE_RADIUS = 16;

function draw(): void {
  container.scale.set(camera.scale);
  container.position.set(camera.x, camera.y);
  app.render();
}

enter({
  async build(host, given, ratio) {
    seats = given;
    await app.init({
      width: VIEW.width,
      height: VIEW.height,
      resolution: ratio,
      autoDensity: true,
      preference: "webgl",
      background: 0xffffff,
      autoStart: false,
    });
    host.append(app.canvas);
    const disc = new Graphics().circle(0, 0, TEXTURE_RADIUS).fill(0xffffff);
    const texture = app.renderer.generateTexture({ target: disc, resolution: ratio, antialias: true });
    container = new ParticleContainer({
      texture,
      dynamicProperties: { position: false, vertex: false, rotation: false, uvs: false, color: false },
    });
    const scale = seats.radius / TEXTURE_RADIUS;
    for (let seat = 0; seat < seats.count; seat += 1) {
      particles.push(
        new Particle({
          texture,
          x: seats.x[seat],
          y: seats.y[seat],
          anchorX: 0.5,
          anchorY: 0.5,
          scaleX: scale,
          scaleY: scale,
          tint: seats.colour[seat],
        }),
      );
    }
    for (const particle of particles) container.particleChildren.push(particle);
    container.update();
    app.stage.addChild(container);
    camera = fit(seats);
    draw();
  },
  step(step) {
    camera = moved(camera, step);
    draw();
  },
  burst(changed) {
    for (const seat of changed) particles[seat]!.tint = 0x888888;
    container.update();
    draw();
  },
  // Pixi does not find particles; whoever uses them brings an index of their own.
  hit: () => -1,
  foreignBytes: () => 0,
});


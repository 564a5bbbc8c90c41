/** Images of the plan, laid under the canvas and moved along with the view. */

interface PlanImage {
  href: string;
  x: number;
  y: number;
  width: number;
  height: number;
  rotation: number;
  opacity: number;
  floor: number;
}

export class Images {
  readonly #all: { image: PlanImage; element: HTMLImageElement }[];

  constructor(json: string, box: HTMLElement) {
    this.#all = (JSON.parse(json) as PlanImage[]).map((image) => {
      const element = document.createElement("img");
      element.alt = "";
      element.draggable = false;
      element.referrerPolicy = "no-referrer";
      element.className = "plan-image";
      // A page may refuse foreign images; the plan is complete without them.
      element.onerror = () => element.remove();
      element.src = image.href;
      box.prepend(element);
      return { image, element };
    });
  }

  /** Whether anything shows through the map. */
  get any(): boolean {
    return this.#all.length > 0;
  }

  showFloor(floor: number): void {
    for (const { image, element } of this.#all) element.hidden = image.floor !== floor;
  }

  place(view: ArrayLike<number>): void {
    const [scale = 1, x = 0, y = 0] = [view[0], view[1], view[2]];
    for (const { image, element } of this.#all) {
      const { style } = element;
      style.width = `${image.width}px`;
      style.height = `${image.height}px`;
      style.opacity = String(image.opacity);
      style.transform = `translate(${x}px, ${y}px) scale(${scale}) translate(${image.x}px, ${image.y}px) rotate(${image.rotation}deg)`;
    }
  }
}

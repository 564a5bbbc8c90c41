// Hands on the map: looking for seats as people do, with a mouse, with fingers.

/** The middle of the map, and its size, in the page. */
async function box(visitor) {
  const map = visitor.$('[part="canvas"]');
  await map.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await map.boundingBox();
  return { x: x + width / 2, y: y + height / 2, width, height };
}

/** Points around the middle, nearest first. */
function* around(middle, step, reach) {
  yield middle;
  for (let ring = 1; ring * step <= reach; ring += 1) {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, 1], [1, -1], [-1, -1]]) {
      yield { x: middle.x + dx * ring * step, y: middle.y + dy * ring * step };
    }
  }
}

/** Turns the wheel over the middle of the map, then clicks seats that their cards say are free. */
export async function clickSeats(visitor, count) {
  const { page } = visitor;
  const middle = await box(visitor);
  await page.mouse.move(middle.x, middle.y);
  for (let turn = 0; turn < 8; turn += 1) await page.mouse.wheel(0, -240);
  let picked = 0;
  for (const point of around(middle, 14, 200)) {
    await page.mouse.move(point.x, point.y);
    if (!(await freeSeatUnderMouse(visitor))) continue;
    await page.mouse.click(point.x, point.y);
    picked += 1;
    await visitor.lines.nth(picked - 1).waitFor();
    if (picked === count) return;
  }
  throw new Error(`only ${picked} seats found`);
}

/** The card beside the mouse, two frames later, describes a seat and no reason against it. */
function freeSeatUnderMouse(visitor) {
  return visitor.$('[part="tooltip"]').evaluate(async (card) => {
    for (let frames = 0; frames < 2; frames += 1) await new Promise(requestAnimationFrame);
    return !card.hidden && card.querySelector("strong") !== null && card.querySelector(".tip-status") === null;
  });
}

/** Spreads two fingers over the middle of the map, then taps until `count` seats are in the basket. */
export async function tapSeats(visitor, count) {
  const { page } = visitor;
  const middle = await box(visitor);
  await spread(page, middle, 25, 170);
  await spread(page, middle, 25, 170);
  for (const point of around(middle, 22, 110)) {
    const before = await countSeats(visitor);
    if (before === count) return;
    await page.touchscreen.tap(point.x, point.y);
    await page.evaluate(() => new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown))));
    // A second tap on a seat gives it back.
    if ((await countSeats(visitor)) < before) await page.touchscreen.tap(point.x, point.y);
  }
  throw new Error("too few seats found");
}

const countSeats = async (visitor) => (await visitor.call("selection")).length;

async function spread(page, middle, from, to) {
  const session = await page.context().newCDPSession(page);
  const touch = (type, distance) =>
    session.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: type === "touchEnd" ? [] : [-1, 1].map((side, id) => ({ x: middle.x + side * distance, y: middle.y, id })),
    });
  await touch("touchStart", from);
  for (let step = 1; step <= 10; step += 1) await touch("touchMove", from + ((to - from) * step) / 10);
  await touch("touchEnd", to);
  await session.detach();
}

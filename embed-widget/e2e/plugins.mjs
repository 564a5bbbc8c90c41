// The example plugins at events of their own, uploaded and set through the API.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { organizer, platform, world } from "./world.mjs";

/** Uploads the example; the same file again is the version that is there. Answers the plugin's id. */
async function upload(name) {
  const answer = await fetch(`${platform}/v1/plugins?publish=true`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${world.secret_key}`,
      "content-type": "application/octet-stream",
      "idempotency-key": randomUUID(),
    },
    body: readFileSync(join(world.plugins, `${name}.wasm`)),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `upload of ${name}: ${answer.status} ${text}`);
  return JSON.parse(text).plugin_id;
}

/** Installs the example at an event, and again with other settings. */
export async function install(name, event, config, more = {}) {
  const plugin = await upload(name);
  await organizer("PUT", `/v1/plugins/${plugin}/installation?event_id=${event}`, { config, ...more });
  return plugin;
}

/** Prices of an event fall or rise by so much, as of now. */
export const demand = (event, percent) =>
  install("demand-pricing", event, { time: [{ days: 1000, percent }], floor_percent: 50, cap_percent: 200 });

/** Members' codes are worth 25 % for two tickets each. */
export async function members(event, more = {}) {
  const settings = { percent: 25, tickets_per_code: 2, ...more };
  const plugin = await install("member-price", event, settings, { key_value: true });
  await organizer("PUT", `/v1/plugins/${plugin}/values/codes`, { value: "FRIENDS-26\nSTAFF-26" });
}

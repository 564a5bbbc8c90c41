import assert from "node:assert/strict";
import { test } from "node:test";

import { readCode } from "./tickets.js";

test("the drawing is read from the API's code, and nothing else is", () => {
  const svg =
    '<?xml version="1.0" standalone="yes"?><svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="392" height="392" viewBox="0 0 392 392" shape-rendering="crispEdges"><path d="M0 0h392v392H0z" fill="#fff"/><path fill="#000" d="M32 32h8v8h-8z"/></svg>';
  const code = readCode(svg);
  assert.equal(code?.viewBox, "0 0 392 392");
  assert.equal(code?.path, "M32 32h8v8h-8z");
  assert.equal(readCode('<svg viewBox="0 0 1 1"><path d="javascript:x"/></svg>'), null);
  assert.equal(readCode("not found"), null);
});

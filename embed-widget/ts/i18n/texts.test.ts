import assert from "node:assert/strict";
import { test } from "node:test";

import { messages as laterDe } from "./de-later.js";
import { messages as firstDe } from "./de.js";
import { messages as laterEn } from "./en-later.js";
import { messages as firstEn } from "./en.js";
import { isRightToLeft, Texts } from "./texts.js";

const de = { ...firstDe, ...laterDe };
const en = { ...firstEn, ...laterEn };
const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "").sort();

test("every language has every text, with the same values in it", () => {
  assert.deepEqual(Object.keys(firstDe).sort(), Object.keys(firstEn).sort());
  assert.deepEqual(Object.keys(laterDe).sort(), Object.keys(laterEn).sort());
  for (const [key, text] of Object.entries(en)) {
    assert.deepEqual(placeholders(de[key as keyof typeof de]), placeholders(text), key);
    assert.ok(text.trim() && de[key as keyof typeof de].trim(), key);
  }
});

test("plural forms come in pairs", () => {
  for (const key of Object.keys(en)) {
    if (key.endsWith(".one")) assert.ok(key.replace(/one$/, "other") in en, key);
  }
});

test("numbers choose the form and are spelled", () => {
  const texts = new Texts("de", de);
  assert.equal(texts.t("basket.count", { n: 1 }), "1 Ticket");
  assert.equal(texts.t("basket.count", { n: 12_000 }), "12.000 Tickets");
  assert.equal(new Texts("en", en).t("list.free", { n: 0 }), "0 free");
});

test("an unknown language speaks English, formats its own way, and knows its direction", () => {
  const texts = new Texts("ar-EG", en);
  assert.equal(texts.t("close"), "Close");
  assert.equal(texts.direction, "rtl");
  assert.equal(new Texts("de-AT", de).direction, "ltr");
  assert.equal(new Texts("not a locale", en).locale, "en");
});

test("texts of the page come before ours", () => {
  const texts = new Texts("fr", en, { close: "Fermer", "basket.count.one": "{n} billet", "basket.count.other": "{n} billets" });
  assert.equal(texts.t("close"), "Fermer");
  assert.equal(texts.t("basket.count", { n: 2 }), "2 billets");
  assert.equal(texts.t("remove"), "Remove");
});

test("time is left in minutes and seconds, never below zero", () => {
  const texts = new Texts("en", en);
  assert.equal(texts.span(545), "9:05");
  assert.equal(texts.span(0.2), "0:01");
  assert.equal(texts.span(-3), "0:00");
});

test("a text runs as its first letter does, whatever comes before", () => {
  for (const text of ["יציע", "12 יציע", "(3) شرفة A"]) assert.ok(isRightToLeft(text), text);
  for (const text of ["Block 301", "12", "", "A יציע", "12 Rang"]) assert.ok(!isRightToLeft(text), text);
});

import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import {
  firstPlace,
  PAGE_ROWS,
  placeAfter,
  placeBefore,
  prefixOf,
  rangeOf,
} from "../../web/pages/senders/places.ts";

test("the way forward over cursors is the way back", () => {
  const first = firstPlace("+91");
  const third = placeAfter(placeAfter(first, "a"), "b");
  deepEqual(third, { prefix: "+91", cursors: ["a", "b"] });
  deepEqual(placeBefore(third), placeAfter(first, "a"));
  deepEqual(placeBefore(placeBefore(third)), first);
  deepEqual(placeBefore(first), first);
  deepEqual(rangeOf(first, PAGE_ROWS), { from: 1, to: 50 });
  deepEqual(rangeOf(third, 7), { from: 101, to: 107 });
});

test("the beginning of a number is read as people write it", () => {
  equal(prefixOf(""), "");
  equal(prefixOf("+"), "");
  equal(prefixOf("9190"), "+9190");
  equal(prefixOf(" +91 98765-4"), "+91987654");
  for (const text of ["anna", "+91a", "91+", "+91\u202e"]) equal(prefixOf(text), undefined);
});

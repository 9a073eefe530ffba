import { deepEqual, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const css = readFileSync(new URL("../../web/styles/tokens.css", import.meta.url), "utf8");
const [light, dark] = [/^:root \{([^}]*)\}/m, /^:root\[data-theme="dark"\] \{([^}]*)\}/m].map(
  (block) => tokensOf(block.exec(css)?.[1] ?? ""),
);

/** Contrast of WCAG: text at least 4.5, edges and what is not text at least 3. */
const PAIRS: readonly (readonly [string, string, number])[] = [
  ...["ground", "surface", "sunken", "tint", "mark"].map((on) => ["ink", on, 4.5] as const),
  ...["ground", "surface", "sunken"].map((on) => ["soft", on, 4.5] as const),
  ...["ground", "surface", "sunken", "tint"].map((on) => ["accent", on, 4.5] as const),
  ["on-accent", "accent", 4.5],
  ["on-accent", "accent-strong", 4.5],
  ["warn", "warn-tint", 4.5],
  ["warn", "surface", 4.5],
  ["bad", "bad-tint", 4.5],
  ["bad", "surface", 4.5],
  ["bad", "ground", 4.5],
  ["edge", "surface", 3],
  ["edge", "ground", 3],
  ["bar", "surface", 3],
  ["accent", "ground", 3],
];

for (const [name, tokens] of [
  ["light", light],
  ["dark", dark],
] as const)
  test(`the ${name} colours have enough contrast`, () => {
    ok(tokens !== undefined && tokens.size >= 16);
    const low = PAIRS.filter(([a, b, least]) => contrast(tokens, a, b) < least).map(
      ([a, b, least]) => `${a} on ${b}: ${contrast(tokens, a, b).toFixed(2)} < ${least}`,
    );
    deepEqual(low, []);
  });

test("both themes define the same colours", () => {
  deepEqual([...(light?.keys() ?? [])].sort(), [...(dark?.keys() ?? [])].sort());
});

function tokensOf(block: string): ReadonlyMap<string, string> {
  return new Map(
    [...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map(([, name = "", value = ""]) => [
      name,
      value,
    ]),
  );
}

function contrast(tokens: ReadonlyMap<string, string>, a: string, b: string): number {
  const [x = 0, y = 0] = [a, b].map((name) => luminance(tokens.get(name) ?? "#000000"));
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((from) => {
    const part = Number.parseInt(hex.slice(from, from + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

import { equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { metricNames } from "../support/metric-names.ts";

/** The cells of every row of every table. */
const rows = readFileSync(new URL("../../docs/operations/metrics.md", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) => line.split("|").map((cell) => cell.trim()));

/** The row whose first cell names this. */
const rowOf = (name: string) =>
  rows.find(([, first]) => first?.split(", ").includes(`\`${name}\``));

test("every metric has a line in docs/operations/metrics.md", async () => {
  const names = await metricNames();
  ok(names.length > 20, names.join(" "));
  for (const name of names) ok(rowOf(name), `${name} has no line`);
});

test("docs/operations/metrics.md describes only existing metrics of the service", async () => {
  const names = await metricNames();
  // Several metrics of the process share a row, and depend on the system.
  const described = rows
    .filter(([, , type]) => /^(counter|gauge|histogram)$/.test(type ?? ""))
    .flatMap(([, first]) => /^`([a-z_]+)`$/.exec(first ?? "")?.[1] ?? [])
    .filter((name) => !/^(process|nodejs)_/.test(name));
  ok(described.length >= 12, described.join(" "));
  for (const name of described) equal(names.includes(name), true, name);
});

test("every metric's line says what a change means, and what to do", async () => {
  for (const name of await metricNames()) {
    const cells = rowOf(name) ?? [];
    const advice = cells.at(-2) ?? "";
    ok(advice.length > 25 && !/^(Never|See below|As above)/.test(advice), `${name}: ${advice}`);
  }
});

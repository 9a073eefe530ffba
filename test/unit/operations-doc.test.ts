import { equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { VARIABLES } from "../../src/config.ts";
import { createMetrics } from "../../src/observe/metrics.ts";

/** The cells of every row of every table. */
const rows = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) => line.split("|").map((cell) => cell.trim()));

/** The row whose first cell names this. */
const rowOf = (name: string) => rows.find(([, first]) => first?.split(", ").includes(`\`${name}\``));

async function renderedMetrics(): Promise<readonly string[]> {
  const metrics = createMetrics({ version: "test", node: "test" });
  metrics.observe({
    queueRows: () => 0,
    queueBytes: () => 0,
    queueAgeMs: () => 0,
    ready: async () => true,
    databaseBytes: async () => 0,
    disk: async () => ({ freeBytes: 0, sizeBytes: 0 }),
    received: () => new Map(),
    backlogRows: () => 0,
    queuedReads: () => 0,
    logLinesDropped: () => 0,
    signatureKeys: () => [],
    traceSpans: () => ({ sent: 0, failed: 0, dropped: 0 }),
    readAuthOpen: () => 0,
    sharedStateUp: () => 0,
    workers: () => ({ configured: 1, alive: 1, restarts: 0 }),
  });
  const text = await metrics.render();
  return [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = ""]) => name);
}

test("every environment variable has a line in docs/operations.md, with its default", () => {
  for (const { name, fallback } of Object.values(VARIABLES)) {
    const row = rowOf(name);
    ok(row, `${name} has no line`);
    if (fallback !== undefined) equal(row[2], `\`${fallback}\``, name);
  }
});

test("every metric has a line in docs/operations.md", async () => {
  const names = await renderedMetrics();
  ok(names.length > 20, names.join(" "));
  for (const name of names) ok(rowOf(name), `${name} has no line`);
});

test("docs/operations.md describes no metric of the service that is gone", async () => {
  const names = await renderedMetrics();
  // The figures of the process stand several in a row, and depend on the system.
  const described = rows
    .filter(([, , type]) => /^(counter|gauge|histogram)$/.test(type ?? ""))
    .flatMap(([, first]) => /^`([a-z_]+)`$/.exec(first ?? "")?.[1] ?? [])
    .filter((name) => !/^(process|nodejs)_/.test(name));
  ok(described.length >= 12, described.join(" "));
  for (const name of described) equal(names.includes(name), true, name);
});

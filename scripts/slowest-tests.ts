import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";

const FILES_SHOWN = 15;
const TESTS_SHOWN = 15;

/** A reporter of node:test that lists, at the end, the slowest files and tests. */
// biome-ignore lint/style/noDefaultExport: node:test takes a reporter that is one
export default async function* slowestTests(
  source: AsyncIterable<TestEvent>,
): AsyncGenerator<string> {
  const files = new Map<string, number>();
  const tests: (readonly [name: string, ms: number])[] = [];
  for await (const event of source) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name, nesting, file = "", details } = event.data;
    if (nesting > 0) continue;
    const ms = details.duration_ms;
    const path = relative(process.cwd(), file);
    files.set(path, (files.get(path) ?? 0) + ms);
    tests.push([`${path}: ${name}`, ms]);
  }
  const total = [...files.values()].reduce((sum, ms) => sum + ms, 0);
  yield `\n${seconds(total)} in all, if run one after the other. The slowest files:\n${slowest([...files], FILES_SHOWN)}`;
  yield `The slowest tests:\n${slowest(tests, TESTS_SHOWN)}`;
}

function slowest(took: readonly (readonly [name: string, ms: number])[], count: number): string {
  const first = took.toSorted(([, a], [, b]) => b - a).slice(0, count);
  return first.map(([name, ms]) => `${seconds(ms).padStart(10)}  ${name}\n`).join("");
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

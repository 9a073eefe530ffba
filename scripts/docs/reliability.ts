import { readFileSync } from "node:fs";
import { CONTROLS } from "../../campaign/controls.ts";
import { FAULTS } from "../../campaign/faults.ts";
import {
  controlsTable,
  faultsTable,
  goalsTable,
  machinesOf,
  resultsTable,
} from "../../campaign/report.ts";
import { PUBLISHED, Results } from "../../campaign/results.ts";

const PAGE = new URL("../../docs/reliability.md", import.meta.url);

/** The written page, with the tables of the stored rounds of the campaign in it. */
export function reliabilityPage(): string {
  const rounds = new Results(PUBLISHED).all();
  const tables: Readonly<Record<string, string>> = {
    goals: goalsTable(rounds),
    faults: faultsTable(FAULTS),
    results: resultsTable(FAULTS, rounds),
    controls: controlsTable(FAULTS, rounds, (name) => CONTROLS[name]?.what ?? name),
    machines: `${machinesOf(rounds)}\n`,
  };
  return Object.entries(tables).reduce(
    (text, [name, content]) => withPart(text, name, content),
    readFileSync(PAGE, "utf8"),
  );
}

/** Replaces what stands between the marks of a part. */
function withPart(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}, by npm run docs -->\n`, `<!-- end of ${name} -->\n`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < 0) throw new Error(`docs/reliability.md has no marks of "${name}"`);
  return `${text.slice(0, from)}${begin}\n${content}\n${text.slice(to)}`;
}

import { release } from "node:os";
import { isSea } from "node:sea";
import { Command } from "commander";
import { VERSION } from "../app/start-up.ts";
import type { Environment } from "../config.ts";
import { schemaVersions } from "../store/migrate.ts";
import { say, tableOf } from "./terminal.ts";

const HELP = `
It opens no database: the schemas are those that this version makes.

Examples:
  $ lyftr version
  $ lyftr version --json
`;

/** `lyftr version`: what a report of a bug needs, and nothing private. */
export function versionCommand(_env: Environment): Command {
  return new Command("version")
    .description("Show this version, what it runs on and the schema of its databases.")
    .option("--json", "as one JSON object")
    .addHelpText("after", HELP)
    .action(({ json }: { readonly json?: true }) => {
      const facts = versionFacts();
      say(
        json ? `${JSON.stringify(facts)}\n` : tableOf(Object.entries(facts).map(([name, value]) => [name, `${value}`])),
      );
    });
}

function versionFacts(): Readonly<Record<string, string | number>> {
  const { sqlite, postgres } = schemaVersions();
  return {
    lyftr: VERSION,
    form: formOf(import.meta.url),
    node: process.versions.node,
    sqlite: process.versions.sqlite ?? "none",
    platform: `${process.platform} ${process.arch} ${release()}`,
    schema_sqlite: sqlite,
    schema_postgres: postgres,
  };
}

/** The source runs as .ts, the package and the image as .js, and both may be in an executable. */
function formOf(url: string): string {
  if (isSea()) return "executable";
  return url.endsWith(".ts") ? "source" : "compiled";
}

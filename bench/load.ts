import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expectWithin } from "./support/checks.ts";
import { type DiskUse, diskUse } from "./support/disk-use.ts";
import { rounded, table } from "./support/figures.ts";
import { fill, sqliteUrl } from "./support/fill.ts";
import { readFlags } from "./support/flags.ts";
import { describeMachine, scratchFolder } from "./support/machine.ts";

// Measures how fast a database is filled without HTTP, until the rows are durable and until they
// are indexed, and the disk space of a message. With --path the database is kept.

const BYTES_SHOWN_MIN = 0.05;
const flags = readFlags({ rows: 1_000_000, path: "", ids: "random" });
if (flags.ids !== "random" && flags.ids !== "ascending")
  throw new Error("--ids must be random or ascending");

using folder = scratchFolder();
const machine = describeMachine(folder.path);
const path = flags.path === "" ? join(folder.path, "app.db") : resolve(flags.path);
if (existsSync(path)) throw new Error(`${path} is there already`);
const cpuBefore = process.cpuUsage();
const { rows, storeSeconds, indexSeconds } = await fill(sqliteUrl(path), flags.rows, flags.ids);
const { user, system } = process.cpuUsage(cpuBefore);
expectWithin("rows in the table", countRows(), rows, rows);
const parts = diskUse(path);
const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
process.stdout.write(
  `${[
    `${machine}; ${rounded(rows)} messages, ${flags.ids} ids`,
    "",
    table([
      [
        "rows/s until durable",
        "seconds",
        "rows/s until indexed too",
        "seconds more",
        "CPU µs a row, all threads",
        "peak RSS MiB",
      ],
      [
        rounded(rows / storeSeconds),
        rounded(storeSeconds, 1),
        rounded(rows / (storeSeconds + indexSeconds)),
        rounded(indexSeconds, 1),
        rounded((user + system) / rows, 1),
        rounded(process.resourceUsage().maxRSS / 1_024),
      ],
    ]),
    "",
    table([
      ["file", "table or index", "bytes a message", "MiB"],
      ...parts.filter(isWorthALine).map((part) => [part.file, part.name, ...size(part.bytes)]),
      ["", "all", ...size(bytes)],
    ]),
  ].join("\n")}\n`,
);

/** A table with a page or two would be a line of zeros. */
function isWorthALine({ bytes }: DiskUse): boolean {
  return bytes / rows >= BYTES_SHOWN_MIN;
}

function size(of: number): readonly string[] {
  return [rounded(of / rows, 1), rounded(of / 2 ** 20, 1)];
}

function countRows(): number {
  const db = new DatabaseSync(path, { readOnly: true });
  const count = Number(db.prepare("SELECT count(*) AS rows FROM messages").get()?.rows);
  db.close();
  return count;
}

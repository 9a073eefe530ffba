import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { UNPRIVILEGED } from "../../test/support/server-folder.ts";
import { sql } from "../../test/support/sql.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { failsWithin, onOwnPostgres, readsFail } from "../support/on-postgres.ts";

const SIZE = "32m";
const FILL_BYTES = 64 * 1024;
const TIMES = { short: 1, long: 5 };
const REFUSED = 40;
const FAILS_MS_MAX = 10_000;
const READS = ["/messages", "/stats", "/senders"];

/** The disk of the tables is full for a while. Needs the right to mount a file system. */
export const postgresDiskFull: Fault = {
  name: "postgres-disk-full",
  what: "the file system of the tables, 32 MB in memory, is filled by another file for a while",
  expected: "503 for messages, reads go on; accepts again within 5 s",
  databases: ["postgres"],
  rounds: { short: 1, long: 20 },
  controls: ["answer-in-spite-of-failure"],
  run: filled,
};

async function filled(context: RoundContext): Promise<RoundResult> {
  const mounted = join(context.folder, "tables");
  mkdirSync(mounted);
  // The server runs as another user.
  chmodSync(context.folder, 0o755);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", mounted]);
  const { uid = process.getuid?.() ?? 0, gid = process.getgid?.() ?? 0 } = { ...UNPRIVILEGED };
  chownSync(mounted, uid, gid);
  try {
    return await onOwnPostgres(context, {
      times: context.isShort ? TIMES.short : TIMES.long,
      prepare: async (server, inbox) => {
        const { pathname } = new URL(inbox.databaseUrl);
        await sql(server.url, `CREATE TABLESPACE small LOCATION '${mounted}'`);
        await sql(server.url, `ALTER DATABASE ${pathname.slice(1)} SET TABLESPACE small`);
        return inbox.databaseUrl;
      },
      breaks: async ({ inbox, load }) => {
        const filler = join(mounted, "filler");
        fill(filler);
        const broken = await failsWithin(load, REFUSED, FAILS_MS_MAX);
        const unread = await readsFail(inbox.url, READS);
        rmSync(filler);
        return [...broken, ...unread];
      },
    });
  } finally {
    execFileSync("umount", ["--lazy", mounted]);
  }
}

/** Writes until there is no room. */
function fill(path: string): void {
  const file = openSync(path, "w");
  try {
    for (let bytes = FILL_BYTES; bytes >= 1; ) {
      try {
        writeSync(file, Buffer.alloc(bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        bytes = Math.floor(bytes / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}

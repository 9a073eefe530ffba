import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { INHERITED } from "./process.ts";

export const BIN = fileURLToPath(new URL("../../bin/lyftr.js", import.meta.url));

/** The exit code and output of a command. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
}

/**
 * Runs `lyftr ARGS` to its end, with `input` on its standard input and only `INHERITED` of this
 * process's environment.
 */
export async function run(
  args: readonly string[],
  { cwd, env = {}, input = "" }: RunOptions,
): Promise<Finished> {
  const child = spawn(process.execPath, [BIN, ...args], { cwd, env: { ...INHERITED, ...env } });
  // A command that refuses its arguments does not read its input.
  child.stdin.on("error", () => undefined).end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { code, stdout, stderr };
}

/** A temporary folder that is removed at the end of the block. */
export function temporaryFolder(): Disposable & {
  readonly path: string;
  file(name: string): string;
} {
  const path = mkdtempSync(join(tmpdir(), "lyftr-cli-"));
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** One value from a database that may be in use. */
export function valueIn(path: string, sql: string): unknown {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return Object.values(db.prepare(sql).get() ?? {})[0];
  } finally {
    db.close();
  }
}

/** Whether a text contains a stack trace, which a user should never see. */
export function hasStackTrace(stderr: string): boolean {
  return /^\s+at .+[:(][0-9]+/m.test(stderr) || stderr.includes("node:internal");
}

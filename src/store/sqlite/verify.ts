import { existsSync } from "node:fs";
import { basename } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { StoreBroken, StoreDamaged } from "../../domain/errors.ts";
import { REPLACE_DISK } from "../damage.ts";
import type { VerifyOptions, VerifyReport } from "../verify-report.ts";
import { requireOursUnlessDamaged } from "./contents.ts";
import { readIndexPath } from "./index/connection.ts";
import { verifyReadIndex } from "./index/verify.ts";
import { examine } from "./integrity/examine.ts";
import { findStoredDamage } from "./integrity/stored.ts";
import { readError } from "./read-error.ts";
import { readUnchanged } from "./read-unchanged.ts";
import { Statements } from "./statements.ts";

/**
 * Looks for damage of the database at `path` and its read index, while other connections write. It
 * reads both files from end to end, and checks the stored data by its rules and all counts. Rejects
 * as the store does, and with the signal's reason.
 */
export async function verifySqlite(path: string, options: VerifyOptions): Promise<VerifyReport> {
  try {
    return await verifyAll(path, options);
  } catch (error) {
    // SQLite reports an I/O error of a read as damage.
    if (error instanceof StoreDamaged) {
      for (const file of [path, readIndexPath(path)]) {
        const problem = readError(file);
        if (problem !== undefined) throw unreadable(file, problem);
      }
    }
    throw error;
  }
}

async function verifyAll(path: string, options: VerifyOptions): Promise<VerifyReport> {
  const { phase = () => undefined, signal } = options;
  await requireOursUnlessDamaged(path);
  phase(`reading ${basename(path)}`);
  const damage = await findFileDamage(path, signal);
  if (damage.length > 0) return { messages: 0, backlog: 0, differences: [], damage };
  phase("checking each row");
  const stored = await verifyStored(path, options);
  if (stored.damage.length > 0) return { ...stored, backlog: 0, differences: [] };
  const index = readIndexPath(path);
  // A backup has no read index. It is created when the service starts.
  if (!existsSync(index))
    return { messages: stored.messages, backlog: stored.messages, differences: [] };
  phase(`reading ${basename(index)}`);
  const broken = await findFileDamage(index, signal);
  if (broken.length > 0) return { messages: 0, backlog: stored.messages, differences: broken };
  phase("counting again");
  return verifyReadIndex(path, options);
}

async function findFileDamage(path: string, signal: AbortSignal): Promise<readonly string[]> {
  const findings = await examine(path, signal);
  if (findings.kind === "sound") return [];
  if (findings.kind === "damaged")
    return findings.problems.map((problem) => `${basename(path)}: ${problem}`);
  throw unreadable(path, findings.problem);
}

function unreadable(path: string, problem: string): StoreBroken {
  return new StoreBroken(
    `${path} cannot be read. The disk reports an I/O error, so it is not known whether the file is damaged (${problem}). ${REPLACE_DISK}.`,
  );
}

interface Stored {
  readonly messages: number;
  readonly damage: readonly string[];
}

function verifyStored(path: string, { progress, signal }: VerifyOptions): Promise<Stored> {
  return readUnchanged(path, async (db) => {
    const statements = new Statements(db);
    db.exec("BEGIN");
    const damage = await findStoredDamage(statements, async (done, total) => {
      progress(done, total);
      await turn();
      signal.throwIfAborted();
    });
    return {
      damage,
      messages: damage.length > 0 ? 0 : statements.number("SELECT count(*) FROM lyftr_messages"),
    };
  });
}

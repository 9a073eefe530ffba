import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { openReader } from "../../src/store/sqlite/connection.ts";
import { attachReadIndex } from "../../src/store/sqlite/index/connection.ts";
import { find, findOne } from "../../src/store/sqlite/reads/find.ts";
import { findSenders } from "../../src/store/sqlite/reads/senders.ts";
import { SnapshotReader } from "../../src/store/sqlite/reads/snapshot.ts";
import { stats } from "../../src/store/sqlite/reads/stats.ts";
import { timeline } from "../../src/store/sqlite/reads/timeline.ts";
import { Statements } from "../../src/store/sqlite/statements.ts";
import { query } from "../store/exercise.ts";

const PAGE_BYTES = 4_096;
/** Most of a page's structure is at its beginning. */
const HEADER_BYTES = 120;

/** Numbers that are the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** Keeps copies of the files at `path`, to restore them. */
export function keptFiles(path: string, suffixes: readonly string[]): () => void {
  for (const suffix of suffixes) copyFileSync(path + suffix, `${path}${suffix}.kept`);
  return () => {
    for (const suffix of suffixes) {
      for (const log of ["-wal", "-shm"]) rmSync(path + suffix + log, { force: true });
      copyFileSync(`${path}${suffix}.kept`, path + suffix);
    }
  };
}

/** Changes one bit of a file, anywhere or within the structure of a page. Returns the place. */
export function flipOneBit(path: string, random: () => number): string {
  const bytes = readFileSync(path);
  const page = Math.floor(random() * (bytes.length / PAGE_BYTES));
  const within = Math.floor(random() * (random() < 0.5 ? PAGE_BYTES : HEADER_BYTES));
  const bit = Math.floor(random() * 8);
  bytes[page * PAGE_BYTES + within] = (bytes[page * PAGE_BYTES + within] ?? 0) ^ (1 << bit);
  writeFileSync(path, bytes);
  return `bit ${bit} of byte ${within} of page ${page + 1} of ${path}`;
}

const LISTS: readonly Readonly<Record<string, string>>[] = [
  {},
  { order: "desc" },
  { from: "+10" },
  { to: "+201" },
  { q: "text 1" },
  { q: "xt" },
  { q: "7" },
  { since: "2025-01-15T10:30:00Z" },
];

/** Every answer of the files at `path`, or the error instead of one. */
export function everyAnswer(path: string, ids: readonly string[]): readonly string[] {
  const answers: string[] = [];
  const answer = (ask: () => unknown) => {
    try {
      answers.push(JSON.stringify(ask()) ?? "nothing");
    } catch (error) {
      answers.push(`error: ${error}`);
    }
  };
  try {
    const db = openReader(path);
    try {
      attachReadIndex(db, path);
      const statements = new Statements(db);
      const reader = new SnapshotReader(statements, () => undefined);
      answer(() => reader.read(stats));
      answer(() => reader.read((snapshot) => findSenders(snapshot, { limit: 100, offset: 0 })));
      for (const bucket of ["minute", "hour", "day"] as const)
        answer(() => reader.read((snapshot) => timeline(snapshot, { bucket, bucketsMax: 10_000 })));
      for (const filter of LISTS)
        for (const offset of ["0", "100", "250"])
          answer(() =>
            reader.read((snapshot) => find(snapshot, query({ limit: "100", offset, ...filter }))),
          );
      for (const messageId of ids) answer(() => findOne(statements, { messageId }));
    } finally {
      db.close();
    }
  } catch (error) {
    answers.push(`error: ${error}`);
  }
  return answers;
}

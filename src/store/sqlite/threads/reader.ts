import { randomUUID } from "node:crypto";
import { ReadCancelled } from "../../../domain/errors.ts";
import type { MessageQuery } from "../../../domain/message-query.ts";
import type { SenderQuery, TimelineQuery } from "../../store.ts";
import { openReader } from "../connection.ts";
import { attachReadIndex } from "../index/connection.ts";
import { find, findOne } from "../reads/find.ts";
import { lastReceivedAt } from "../reads/last-received.ts";
import { findSenders } from "../reads/senders.ts";
import { SnapshotReader } from "../reads/snapshot.ts";
import { stats } from "../reads/stats.ts";
import { timeline } from "../reads/timeline.ts";
import { Statements } from "../statements.ts";
import { serveWorker } from "./serve-worker.ts";

/**
 * They change when another connection commits, and this one never does. Each connection counts on
 * its own.
 */
const VERSIONS = ["PRAGMA main.data_version", "PRAGMA read_index.data_version"];

export interface ReaderData {
  readonly path: string;
  /** One 32-bit number: not 0 when the current read must stop. */
  readonly stop: SharedArrayBuffer;
}

// The code of a thread that only reads. Each operation is one transaction, so all its statements
// see the same snapshot.
serveWorker(({ path, stop }: ReaderData) => {
  const stopped = new Int32Array(stop);
  const check = () => {
    if (Atomics.load(stopped, 0) !== 0) throw new ReadCancelled();
  };
  const open = () => {
    const db = openReader(path);
    attachReadIndex(db, path);
    return new SnapshotReader(new Statements(db), check);
  };
  let reader = open();
  let connection = randomUUID();
  return {
    // The read index is another file now.
    reopen: () => {
      reader.statements.db.close();
      reader = open();
      connection = randomUUID();
    },
    find: (query: MessageQuery) => reader.read((snapshot) => find(snapshot, query)),
    findOne: (id: { messageId: string; source?: string }) => findOne(reader.statements, id),
    stats: () => reader.read(stats),
    timeline: (query: TimelineQuery) => reader.read((snapshot) => timeline(snapshot, query)),
    findSenders: (query: SenderQuery) => reader.read((snapshot) => findSenders(snapshot, query)),
    lastReceivedAt: () => lastReceivedAt(reader.statements),
    dataVersion: () =>
      [connection, ...VERSIONS.map((sql) => reader.statements.number(sql))].join(" "),
    ping: () => {
      reader.statements.get("SELECT 1 FROM lyftr_messages LIMIT 1");
      reader.statements.get("SELECT seq FROM index_state");
    },
    close: () => reader.statements.db.close(),
  };
});

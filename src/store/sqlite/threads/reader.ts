import { ReadCancelled } from "../../../domain/errors.ts";
import type { MessageQuery } from "../../../domain/message-query.ts";
import type { SenderQuery, TimelineQuery } from "../../store.ts";
import { openReader } from "../connection.ts";
import { attachReadIndex } from "../index/connection.ts";
import { find, findOne } from "../reads/find.ts";
import { findSenders } from "../reads/senders.ts";
import { inSnapshot } from "../reads/snapshot.ts";
import { stats } from "../reads/stats.ts";
import { timeline } from "../reads/timeline.ts";
import { Statements } from "../statements.ts";
import { serveWorker } from "./serve-worker.ts";

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
    return new Statements(db);
  };
  let statements = open();
  return {
    // The read index is another file now.
    reopen: () => {
      statements.db.close();
      statements = open();
    },
    find: (query: MessageQuery) =>
      inSnapshot(statements, check, (snapshot) => find(snapshot, query)),
    findOne: (id: { messageId: string; source?: string }) => findOne(statements, id),
    stats: () => inSnapshot(statements, check, stats),
    timeline: (query: TimelineQuery) =>
      inSnapshot(statements, check, (snapshot) => timeline(snapshot, query)),
    findSenders: (query: SenderQuery) =>
      inSnapshot(statements, check, (snapshot) => findSenders(snapshot, query)),
    ping: () => {
      statements.get("SELECT 1 FROM lyftr_messages LIMIT 1");
      statements.get("SELECT seq FROM index_state");
    },
    close: () => statements.db.close(),
  };
});

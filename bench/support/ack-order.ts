import type { TraceLine } from "./strace.ts";

export interface AckOrder {
  readonly answers: number;
  /**
   * Answers whose message was not on disk: no fsync of the log that began after its bytes were
   * written had returned.
   */
  readonly tooEarly: number;
}

const MESSAGE_ID = /message_id\\":\\"([^"\\]+)\\"/;
const CALL = /^(\w+)\((\d+<[^>]*>+)/;
const RESUMED = /^<\.\.\. (\w+) resumed>/;

/**
 * Follows each message through a trace of read, write, writev, pwrite64, fsync and fdatasync: read
 * from a socket, written to the write-ahead log, fsynced, answered on that socket.
 */
export function checkAckOrder(trace: readonly TraceLine[]): AckOrder {
  const asked = new Map<string, string>();
  const unwritten = new Set<string>();
  const written = new Set<string>();
  const durable = new Set<string>();
  // By thread: the call that has begun but not ended, its file, and what an fsync will make
  // durable.
  const begun = new Map<string, { readonly file: string; readonly covers: readonly string[] }>();
  let [answers, tooEarly] = [0, 0];
  for (const { thread, text } of trace) {
    const [, call, file = ""] = CALL.exec(text) ?? [];
    const [, resumed] = RESUMED.exec(text) ?? [];
    const ended = !text.endsWith("<unfinished ...>");
    if (call !== undefined)
      begun.set(thread, {
        file,
        covers: /^f(data)?sync$/.test(call) && file.includes("-wal>") ? [...written] : [],
      });
    const name = call ?? resumed;
    const about = begun.get(thread);
    if (name === undefined || about === undefined) continue;
    if (name === "read" && ended) {
      const id = MESSAGE_ID.exec(text)?.[1];
      if (id === undefined) continue;
      asked.set(about.file, id);
      unwritten.add(id);
    } else if (name === "pwrite64" && call !== undefined && about.file.includes("-wal>")) {
      for (const id of unwritten) {
        if (text.includes(id) && unwritten.delete(id)) written.add(id);
      }
    } else if (/^f(data)?sync$/.test(name) && ended && / = 0$/.test(text)) {
      for (const id of about.covers) durable.add(id);
    } else if (/^writev?$/.test(name) && call !== undefined && text.includes("HTTP/1.1 200")) {
      const id = asked.get(about.file);
      if (id === undefined) continue;
      asked.delete(about.file);
      answers++;
      if (!durable.has(id)) tooEarly++;
    }
  }
  return { answers, tooEarly };
}

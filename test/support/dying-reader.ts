import type { ReaderData } from "../../src/store/sqlite/threads/reader.ts";
import { serveWorker } from "../../src/store/sqlite/threads/serve-worker.ts";

// The code of a reading thread that fails like one whose request does the same.

serveWorker(({ stop }: ReaderData) => {
  const stopped = new Int32Array(stop);
  return {
    answer: () => "answer",
    /** Exhausts its heap. */
    fill: () => {
      const kept: string[][] = [];
      for (;;) kept.push(Array.from({ length: 10_000 }, (_, n) => `${n} ${kept.length}`));
    },
    exit: () => process.exit(1),
    /**
     * Blocks for the given milliseconds, like one statement of SQLite, whether or not it must stop.
     */
    hold: (ms: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
    wasStopped: () => Atomics.load(stopped, 0),
    close: () => undefined,
  };
});

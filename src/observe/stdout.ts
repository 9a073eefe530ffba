import { write } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { LogDestination } from "./log.ts";

/** The most text that waits for a stalled reader. Further lines are dropped. */
const BUFFER_CHARACTERS_MAX = 8 * 1024 * 1024;
const RETRY_MS = 50;
/**
 * Lines are gathered this long, because a write wakes a thread and costs as much as several lines.
 */
const GATHER_MS = 5;
const FLUSH_MS_MAX = 1_000;
const STDOUT = 1;

/**
 * Standard output for the log: asynchronous and bounded. A closed pipe, a full disk or a stalled
 * reader loses lines, but never delays a request. Pino's own destination would retry a full disk
 * for ever at exit.
 */
export class Stdout implements LogDestination {
  #texts: string[] = [];
  #characters = 0;
  #dropped = 0;
  #closed = false;
  #torn = false;
  #writing: Promise<void> | undefined;

  /** Takes one or more complete lines. */
  write(lines: string): void {
    if (this.#closed || this.#characters + lines.length > BUFFER_CHARACTERS_MAX) {
      this.#dropped += countLines(lines);
      return;
    }
    this.#texts.push(lines);
    this.#characters += lines.length;
    this.#writing ??= this.#writeAll();
  }

  /** The number of lost lines: the pipe was closed, or the disk or the buffer was full. */
  dropped(): number {
    return this.#dropped;
  }

  /** Resolves when everything is written, or after a second when the reader is stalled. */
  async flush(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const giveUp = setTimeout(resolve, FLUSH_MS_MAX);
    await Promise.race([this.#writing, promise]);
    clearTimeout(giveUp);
  }

  async #writeAll(): Promise<void> {
    while (this.#texts.length > 0) {
      await sleep(GATHER_MS);
      const lines = this.#texts.join("");
      this.#texts = [];
      this.#characters = 0;
      // A full disk may have cut off the last line. The next line must not continue it.
      const text = (this.#torn ? "\n" : "") + lines;
      if (!(await this.#writeBytes(Buffer.from(text)))) this.#dropped += countLines(lines);
    }
    this.#writing = undefined;
  }

  /** Resolves with whether all bytes were written. */
  async #writeBytes(bytes: Buffer): Promise<boolean> {
    for (let at = 0; at < bytes.length; ) {
      const result = await new Promise<number | string>((resolve) => {
        write(STDOUT, bytes, at, bytes.length - at, null, (error, written) =>
          resolve(error?.code ?? written),
        );
      });
      if (typeof result === "number") at += result;
      else if (result === "EAGAIN") await sleep(RETRY_MS);
      else {
        // A closed pipe stays closed. A full disk may get space again, so the next lines are tried.
        this.#closed = result === "EPIPE";
        this.#torn ||= at > 0;
        return false;
      }
    }
    this.#torn = false;
    return true;
  }
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

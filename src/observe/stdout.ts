import { write } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { LogDestination } from "./log.ts";

/** What waits for a stalled reader before lines are dropped. */
const BUFFER_CHARACTERS_MAX = 8 * 1024 * 1024;
const RETRY_MS = 50;
/** Lines wait this long for company: every write wakes a thread and costs as much as making several lines. */
const GATHER_MS = 5;
const FLUSH_MS_MAX = 1_000;
const STDOUT = 1;

/**
 * Standard output for the log: asynchronous, bounded, and indifferent to a closed pipe, a full disk or a reader that sleeps.
 * Pino's own destination would, at exit, retry a full disk for ever.
 */
export class Stdout implements LogDestination {
  #texts: string[] = [];
  #characters = 0;
  #dropped = 0;
  #closed = false;
  #torn = false;
  #writing: Promise<void> | undefined;

  /** Takes one whole line or several. */
  write(lines: string): void {
    if (this.#closed || this.#characters + lines.length > BUFFER_CHARACTERS_MAX) {
      this.#dropped += countLines(lines);
      return;
    }
    this.#texts.push(lines);
    this.#characters += lines.length;
    this.#writing ??= this.#writeAll();
  }

  /** Lines given up so far: nobody reads any more, the disk is full, or the buffer was. */
  dropped(): number {
    return this.#dropped;
  }

  /** Resolves when everything is out, or after a second when nobody takes it. */
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
      // What follows a line that a full disk cut off must not become its tail.
      const text = (this.#torn ? "\n" : "") + lines;
      if (!(await this.#writeBytes(Buffer.from(text)))) this.#dropped += countLines(lines);
    }
    this.#writing = undefined;
  }

  /** Whether all of it could be written. */
  async #writeBytes(bytes: Buffer): Promise<boolean> {
    for (let at = 0; at < bytes.length; ) {
      const result = await new Promise<number | string>((resolve) => {
        write(STDOUT, bytes, at, bytes.length - at, null, (error, written) => resolve(error?.code ?? written));
      });
      if (typeof result === "number") at += result;
      else if (result === "EAGAIN") await sleep(RETRY_MS);
      else {
        // A closed pipe stays closed. A full disk may get room again: the next lines try.
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

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("./older_service.py", import.meta.url));

/** The ways in which services of this kind write a message. */
export const WAYS = [
  "insert",
  "named columns",
  "insert or ignore",
  "insert or fail",
  "replace",
  "upsert nothing",
  "upsert update",
  "returning",
  "upsert returning",
  "ignore returning",
  "look first",
] as const;
export type Way = (typeof WAYS)[number];

export interface OlderAnswer {
  readonly status: number;
  /** The outcome, or the error that made it a 500. */
  readonly outcome: string;
}

export interface OlderOptions {
  readonly journalMode: string;
  /**
   * One connection for each way of writing, open from the start, instead of one for each request.
   */
  readonly keepsConnections: boolean;
  /**
   * False: after a failed write it keeps its connection as it is. Then it keeps connections, too.
   */
  readonly rollsBack?: boolean;
}

/**
 * A service as people wrote it in Python before Lyftr, without its HTTP: it returns the same
 * answers.
 */
export class OlderService {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(path: string, { journalMode, keepsConnections, rollsBack = true }: OlderOptions) {
    const args = [
      PROGRAM,
      path,
      journalMode,
      rollsBack ? (keepsConnections ? "keep" : "open") : "forget",
    ];
    this.#child = spawn("python3", args, { stdio: ["pipe", "pipe", "inherit"] });
    const lines: Interface = createInterface({
      input: this.#child.stdout as NodeJS.ReadableStream,
    });
    this.#answers = lines[Symbol.asyncIterator]();
  }

  /** Its start: creates the table if it is missing. */
  start = () => this.#ask({ do: "start" });
  startWithIndex = () => this.#ask({ do: "start_with_index" });
  webhook = (way: Way, id: string) => this.#ask({ do: "webhook", way, id });
  /** Changes or deletes stored messages. */
  change = (sql: string) => this.#ask({ do: "change", sql });
  /** Total, list and statistics, as one text. */
  reads = () => this.#ask({ do: "reads" });

  /** `SIGKILL` leaves its write-ahead log behind. */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill(signal);
    await once(this.#child, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }

  async #ask(request: Readonly<Record<string, string>>): Promise<OlderAnswer> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error("the older service ended");
    return JSON.parse(value) as OlderAnswer;
  }
}

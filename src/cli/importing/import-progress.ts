import { createHash } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { NewMessage } from "../../domain/message.ts";
import { fileProblem } from "../failures.ts";
import type { InputFile } from "./input.ts";
import type { NdjsonPlace } from "./ndjson.ts";

const HEAD_BYTES = 64 * 1024;
const OWNER_ONLY = 0o600;

/** How far an import has come: everything before this place is committed. */
export interface ImportState extends NdjsonPlace {
  readonly imported: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly invalid: number;
  /** The last message that is in the database as it is here: one that does not know it is not the database of this import. */
  readonly last: NewMessage | null;
}

export const NOTHING_IMPORTED: ImportState = {
  offset: 0,
  line: 0,
  imported: 0,
  duplicates: 0,
  conflicts: 0,
  invalid: 0,
  last: null,
};

/** Tells this import from one of another file, of this file when it was different, or into another database. */
export async function fingerprint(input: InputFile, databaseUrl: string): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([input.bytes, input.modifiedMs, databaseUrl]));
  return hash.update(await input.head(HEAD_BYTES)).digest("hex");
}

/** The small file beside the input that lets an interrupted import go on. Losing it costs time only: ids make repetition harmless. */
export class ImportProgress {
  readonly path: string;
  readonly #fingerprint: string;
  #isKept = true;

  constructor(inputPath: string, fingerprint: string) {
    this.path = `${inputPath}.lyftr-import`;
    this.#fingerprint = fingerprint;
  }

  /** The state of an interrupted import of the same file, if there is one. */
  read(): ImportState | undefined {
    try {
      const { fingerprint, state } = JSON.parse(readFileSync(this.path, "utf8"));
      return fingerprint === this.#fingerprint ? state : undefined;
    } catch {
      return undefined;
    }
  }

  /** Keeps the state. Returns what is wrong when that is not possible, the first time: the import itself can go on. */
  save(state: ImportState): string | undefined {
    if (!this.#isKept) return undefined;
    try {
      // Under another name first, so that a kill never leaves half of it.
      writeFileSync(`${this.path}~`, JSON.stringify({ fingerprint: this.#fingerprint, state }), { mode: OWNER_ONLY });
      renameSync(`${this.path}~`, this.path);
      return undefined;
    } catch (error) {
      this.#isKept = false;
      return `If this import is interrupted it will have to start from the beginning: ${fileProblem(error, this.path)}`;
    }
  }

  remove(): void {
    if (this.#isKept) rmSync(this.path, { force: true });
  }
}

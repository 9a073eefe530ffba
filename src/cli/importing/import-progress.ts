import { createHash } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { NewMessage } from "../../domain/message.ts";
import { fileProblem } from "../failures.ts";
import type { InputFile } from "./input.ts";
import type { NdjsonPlace } from "./ndjson.ts";

const HEAD_BYTES = 64 * 1024;
const OWNER_ONLY = 0o600;

/** The progress of an import. Everything before this position is committed. */
export interface ImportState extends NdjsonPlace {
  readonly imported: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly invalid: number;
  /**
   * The last message whose content is the same in the database. A database without it is not the
   * one of this import.
   */
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

/**
 * Identifies an import by its database URL and by the size, the time of change and the beginning of
 * the file.
 */
export async function fingerprint(input: InputFile, databaseUrl: string): Promise<string> {
  const hash = createHash("sha256").update(
    JSON.stringify([input.bytes, input.modifiedMs, databaseUrl]),
  );
  return hash.update(await input.head(HEAD_BYTES)).digest("hex");
}

/**
 * A small file beside the input with which an interrupted import can continue. If it is lost, the
 * import takes longer: ids prevent duplicates.
 */
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

  /**
   * Saves the state. The first failure returns its reason, and the import continues without saving.
   */
  save(state: ImportState): string | undefined {
    if (!this.#isKept) return undefined;
    try {
      // Written under another name first, so that a kill never leaves a partial file.
      writeFileSync(`${this.path}~`, JSON.stringify({ fingerprint: this.#fingerprint, state }), {
        mode: OWNER_ONLY,
      });
      renameSync(`${this.path}~`, this.path);
      return undefined;
    } catch (error) {
      this.#isKept = false;
      return `If this import is interrupted, it will have to start from the beginning: ${fileProblem(error, this.path)}`;
    }
  }

  remove(): void {
    if (this.#isKept) rmSync(this.path, { force: true });
  }
}

import type { StoredMessage } from "./store.ts";

/** The outcome of adding messages, as numbers. */
export interface PythonExportStep {
  /** Messages that were added. */
  readonly added: number;
  /** Messages whose id was already in the file. The content in the file is kept. */
  readonly present: number;
  /**
   * Messages that did not come by `POST /webhook`. The Python service has no column for their
   * source.
   */
  readonly otherSources: number;
}

/** A file in the schema of the Python service, to which messages are added. */
export interface PythonExport {
  /** Adds the messages that the file does not have, in one transaction. */
  add(messages: readonly StoredMessage[]): PythonExportStep;
  close(): void;
}

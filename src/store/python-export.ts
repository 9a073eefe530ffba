import type { StoredMessage } from "./store.ts";

/** What became of some messages, as numbers. */
export interface PythonExportStep {
  /** Messages that were added. */
  readonly added: number;
  /** Messages whose id the file had already. Their content is kept. */
  readonly present: number;
  /** Messages that did not come by `POST /webhook`. The Python service has no column for their source. */
  readonly otherSources: number;
}

/** A file in the schema of the Python service, to which messages are added. */
export interface PythonExport {
  /** Adds the messages that the file does not have, in one transaction. */
  add(messages: readonly StoredMessage[]): PythonExportStep;
  close(): void;
}

import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { LyftrError } from "./errors.ts";
import { type Body, doneLine, HEADER, messageLine, readRecords } from "./outbox-record.ts";

/**
 * The file is rewritten when finished messages take more than this, and more than the pending ones.
 */
const DONE_BYTES_MAX = 1_048_576;
const CHUNK_BYTES = 1_048_576;
const MODE_OWNER_ONLY = 0o600;

/** A line to write. `message` is set when a caller waits until it is on disk. */
interface Line {
  readonly bytes: Buffer;
  readonly message?: {
    readonly number: number;
    readonly body: Body;
    readonly stored: () => void;
    readonly failed: (error: LyftrError) => void;
  };
}

/** The pending messages, in a file. Lines that are written together are synced together. */
export class OutboxFile {
  readonly #path: string;
  readonly #pending: Map<number, Body>;
  #handle: FileHandle;
  #lastNumber: number;
  /** The length of the valid part of the file. The next line is written there. */
  #size = 0;
  #pendingBytes = 0;
  #waiting: Line[] = [];
  #writing: Promise<void> | undefined;
  /** The reason why no more lines can be written. */
  #broken: LyftrError | undefined;

  /** Reads the file and rewrites it, without finished messages and without an incomplete end. */
  static async open(path: string): Promise<OutboxFile> {
    try {
      const { pending, lastNumber, damagedLine } = readRecords(await contentOf(path));
      if (damagedLine !== undefined)
        throw new LyftrError("outbox", `line ${damagedLine} of the outbox ${path} is damaged`, {
          code: "DAMAGED",
        });
      const file = new OutboxFile(path, pending, lastNumber, await rewritten(path, pending));
      await file.#replaceOldFile();
      if (file.#broken !== undefined) throw file.#broken;
      return file;
    } catch (error) {
      throw failureOf(error);
    }
  }

  private constructor(
    path: string,
    pending: Map<number, Body>,
    lastNumber: number,
    handle: FileHandle,
  ) {
    this.#path = path;
    this.#pending = pending;
    this.#lastNumber = lastNumber;
    this.#handle = handle;
    for (const [number, body] of pending) this.#pendingBytes += messageLine(number, body).length;
  }

  /** By number, the oldest first. */
  get pending(): ReadonlyMap<number, Body> {
    return this.#pending;
  }

  /** Their bytes in the file, including those that are being written. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Resolves with the message's number when it is on disk. */
  async append(body: Body): Promise<number> {
    const number = ++this.#lastNumber;
    const bytes = messageLine(number, body);
    // Counted before it is written, so that concurrent calls cannot exceed a limit together.
    this.#pendingBytes += bytes.length;
    try {
      await new Promise<void>((stored, failed) =>
        this.#write({ bytes, message: { number, body, stored, failed } }),
      );
    } catch (error) {
      this.#pendingBytes -= bytes.length;
      throw error;
    }
    return number;
  }

  /**
   * Not synced: if a crash loses the line, the message is sent again, which is harmless because of
   * its id.
   */
  done(number: number): void {
    const body = this.#pending.get(number);
    if (body === undefined) return;
    this.#pending.delete(number);
    this.#pendingBytes -= messageLine(number, body).length;
    this.#write({ bytes: doneLine(number) });
  }

  async close(): Promise<void> {
    await this.#writing;
    this.#broken ??= new LyftrError("outbox", "the outbox is closed", { code: "CLOSED" });
    await this.#handle.close();
  }

  #write(line: Line): void {
    if (this.#broken !== undefined) {
      line.message?.failed(this.#broken);
      return;
    }
    this.#waiting.push(line);
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // The lines of this turn are written together. During their sync the next ones are gathered.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const failure = this.#broken ?? (await this.#writeBatch(batch));
      for (const { message } of batch) {
        if (failure === undefined) message?.stored();
        else message?.failed(failure);
      }
    }
    this.#writing = undefined;
  }

  /** Resolves with the error, or undefined when the batch is on disk. */
  async #writeBatch(batch: readonly Line[]): Promise<LyftrError | undefined> {
    const bytes = Buffer.concat(batch.map((line) => line.bytes));
    try {
      await writeWhole(this.#handle, bytes, this.#size);
    } catch (error) {
      return this.#truncatePartialLine(error);
    }
    const messages = batch.flatMap(({ message }) => message ?? []);
    try {
      if (messages.length > 0) await this.#handle.datasync();
    } catch (error) {
      // It is unknown what is on disk now, and a second sync would not tell.
      this.#broken = failureOf(error);
      return this.#broken;
    }
    this.#size += bytes.length;
    for (const { number, body } of messages) this.#pending.set(number, body);
    const doneBytes = this.#size - this.#pendingBytes;
    if (doneBytes > Math.max(DONE_BYTES_MAX, this.#pendingBytes)) await this.#compact();
    return undefined;
  }

  /** A full disk may have room again later. A partial line must not stay between others. */
  async #truncatePartialLine(error: unknown): Promise<LyftrError> {
    try {
      await this.#handle.truncate(this.#size);
    } catch (second) {
      this.#broken = failureOf(second);
    }
    return failureOf(error);
  }

  async #compact(): Promise<void> {
    const old = this.#handle;
    try {
      this.#handle = await rewritten(this.#path, this.#pending);
    } catch {
      // For example, the disk is full. The old file is still valid, and the next batch tries again.
      return;
    }
    await this.#replaceOldFile();
    await old.close();
  }

  /** Replaces the old file with the new one. If this fails, the outbox is unusable. */
  async #replaceOldFile(): Promise<void> {
    try {
      await rename(newPath(this.#path), this.#path);
      const folder = await open(dirname(this.#path));
      await folder.sync().finally(() => folder.close());
      this.#size = (await this.#handle.stat()).size;
    } catch (error) {
      this.#broken = failureOf(error);
    }
  }
}

const newPath = (path: string) => `${path}.new`;

/** Writes a separate file with only these messages, and syncs it. */
async function rewritten(path: string, pending: ReadonlyMap<number, Body>): Promise<FileHandle> {
  const handle = await open(newPath(path), "w", MODE_OWNER_ONLY);
  try {
    let size = 0;
    let chunk: Buffer[] = [HEADER];
    let chunkBytes = HEADER.length;
    const flush = async () => {
      await writeWhole(handle, Buffer.concat(chunk), size);
      size += chunkBytes;
      chunk = [];
      chunkBytes = 0;
    };
    // A copy: a message that is finished in the meantime leaves the map, and its line follows
    // these.
    for (const [number, body] of [...pending]) {
      const line = messageLine(number, body);
      chunk.push(line);
      chunkBytes += line.length;
      if (chunkBytes >= CHUNK_BYTES) await flush();
    }
    await flush();
    await handle.sync();
    return handle;
  } catch (error) {
    await handle.close();
    await rm(newPath(path), { force: true });
    throw error;
  }
}

async function writeWhole(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(
      bytes,
      written,
      bytes.length - written,
      position + written,
    );
    written += bytesWritten;
  }
}

async function contentOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

function failureOf(error: unknown): LyftrError {
  if (error instanceof LyftrError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new LyftrError("outbox", `the outbox cannot be written: ${message}`, {
    code,
    cause: error,
  });
}

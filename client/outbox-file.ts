import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { LyftrError } from "./errors.ts";
import { type Body, doneLine, HEADER, messageLine, readRecords } from "./outbox-record.ts";

/** So much of what is done with may stay in the file before it is written anew; or as much as is pending, if that is more. */
const DONE_BYTES_MAX = 1_048_576;
const CHUNK_BYTES = 1_048_576;
const MODE_OWNER_ONLY = 0o600;

/** A line to be written. `message` is there when somebody waits until it is on disk. */
interface Line {
  readonly bytes: Buffer;
  readonly message?: {
    readonly number: number;
    readonly body: Body;
    readonly stored: () => void;
    readonly failed: (error: LyftrError) => void;
  };
}

/** The messages that are not done with, in a file. What is written together is synced together. */
export class OutboxFile {
  readonly #path: string;
  readonly #pending: Map<number, Body>;
  #handle: FileHandle;
  #lastNumber: number;
  /** How far the file is good: the next line goes there. */
  #size = 0;
  #pendingBytes = 0;
  #waiting: Line[] = [];
  #writing: Promise<void> | undefined;
  /** Why nothing can be written any more. */
  #broken: LyftrError | undefined;

  /** Reads what is there and writes it anew, without what is done with and without a torn end. */
  static async open(path: string): Promise<OutboxFile> {
    try {
      const { pending, lastNumber, damagedLine } = readRecords(await contentOf(path));
      if (damagedLine !== undefined)
        throw new LyftrError("outbox", `line ${damagedLine} of the outbox ${path} is damaged`, { code: "DAMAGED" });
      const file = new OutboxFile(path, pending, lastNumber, await writtenAnew(path, pending));
      await file.#takeItsPlace();
      if (file.#broken !== undefined) throw file.#broken;
      return file;
    } catch (error) {
      throw failureOf(error);
    }
  }

  private constructor(path: string, pending: Map<number, Body>, lastNumber: number, handle: FileHandle) {
    this.#path = path;
    this.#pending = pending;
    this.#lastNumber = lastNumber;
    this.#handle = handle;
    for (const [number, body] of pending) this.#pendingBytes += messageLine(number, body).length;
  }

  /** By their numbers, the oldest first. */
  get pending(): ReadonlyMap<number, Body> {
    return this.#pending;
  }

  /** What they take in the file, with those that are being written. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Resolves with the message's number when it is on disk. */
  async append(body: Body): Promise<number> {
    const number = ++this.#lastNumber;
    const bytes = messageLine(number, body);
    // Counted before it is written, so that many at once do not pass a bound together.
    this.#pendingBytes += bytes.length;
    try {
      await new Promise<void>((stored, failed) => this.#write({ bytes, message: { number, body, stored, failed } }));
    } catch (error) {
      this.#pendingBytes -= bytes.length;
      throw error;
    }
    return number;
  }

  /** Not synced: when a crash forgets it the message is sent again, which its id makes harmless. */
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
    // What comes in this turn goes out together; while it is being synced the next gathers.
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

  /** What went wrong, or undefined when the batch is on disk. */
  async #writeBatch(batch: readonly Line[]): Promise<LyftrError | undefined> {
    const bytes = Buffer.concat(batch.map((line) => line.bytes));
    try {
      await writeWhole(this.#handle, bytes, this.#size);
    } catch (error) {
      return this.#cutBack(error);
    }
    const messages = batch.flatMap(({ message }) => message ?? []);
    try {
      if (messages.length > 0) await this.#handle.datasync();
    } catch (error) {
      // Nobody knows what of it is on disk now, and a second sync would not tell.
      this.#broken = failureOf(error);
      return this.#broken;
    }
    this.#size += bytes.length;
    for (const { number, body } of messages) this.#pending.set(number, body);
    const doneBytes = this.#size - this.#pendingBytes;
    if (doneBytes > Math.max(DONE_BYTES_MAX, this.#pendingBytes)) await this.#compact();
    return undefined;
  }

  /** A disk that is full may have room again later; half a line must not stay between others. */
  async #cutBack(error: unknown): Promise<LyftrError> {
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
      this.#handle = await writtenAnew(this.#path, this.#pending);
    } catch {
      // For want of room, say. The old file is as good as it was, and the next batch tries again.
      return;
    }
    await this.#takeItsPlace();
    await old.close();
  }

  /** Puts the new file where the old one is. From here on only the new one counts, or none. */
  async #takeItsPlace(): Promise<void> {
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

/** A file of its own with only these messages, synced. */
async function writtenAnew(path: string, pending: ReadonlyMap<number, Body>): Promise<FileHandle> {
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
    // A copy: what is done with meanwhile leaves the map, and its line comes after these.
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
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
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
  return new LyftrError("outbox", `the outbox cannot be written: ${message}`, { code, cause: error });
}

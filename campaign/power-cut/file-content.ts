/** Disks write sectors of this size as a whole. */
const SECTOR_BYTES = 512;
/** The operating system writes a file in pages of this size. */
const PAGE_BYTES = 4096;

/** A file and the number of its inode. */
export interface FileState {
  readonly inode: number;
  readonly bytes: Buffer;
}

/** A write, or, without bytes, a new size. */
interface Change {
  readonly ns: bigint;
  readonly at: number;
  readonly bytes: Buffer | undefined;
}

/** The content of a file on the disk, and the changes that no fsync has reached. */
export class FileContent {
  #bytes: Buffer;
  #size: number;
  #pending: Change[] = [];
  /** What a failed fsync has lost. The operating system takes it for written. */
  #lost: Change[] = [];

  constructor(bytes: Buffer) {
    this.#bytes = Buffer.from(bytes);
    this.#size = bytes.length;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  change(change: Change): void {
    // A page that is changed again will be written as a whole.
    const again = this.#lost.filter((lost) => sharePage(lost, change));
    if (again.length > 0) this.#lost = this.#lost.filter((lost) => !again.includes(lost));
    this.#pending.push(...again, change);
  }

  /** An fsync that began then was successful. */
  synced(begun: bigint): void {
    for (const change of this.#take(begun)) this.#apply(change);
  }

  /** An fsync that began then has failed. */
  lost(begun: bigint): void {
    this.#lost.push(...this.#take(begun));
  }

  /** The power fails. `isWritten` decides for each sector of each change. */
  cut(isWritten: () => boolean): void {
    for (const change of this.#pending) {
      if (change.bytes === undefined) {
        if (isWritten()) this.#apply(change);
        continue;
      }
      const end = change.at + change.bytes.length;
      for (let at = change.at; at < end; ) {
        const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
        if (isWritten()) this.#write(at, change.bytes.subarray(at - change.at, next - change.at));
        at = next;
      }
    }
    this.#pending = [];
    this.#lost = [];
  }

  #take(begun: bigint): readonly Change[] {
    const taken = this.#pending.filter(({ ns }) => ns < begun);
    this.#pending = this.#pending.filter(({ ns }) => ns >= begun);
    return taken;
  }

  #apply({ at, bytes }: Change): void {
    if (bytes === undefined) this.#resize(at);
    else this.#write(at, bytes);
  }

  #write(at: number, bytes: Buffer): void {
    if (at + bytes.length > this.#size) this.#resize(at + bytes.length);
    bytes.copy(this.#bytes, at);
  }

  #resize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(size, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.#size);
      this.#bytes = larger;
    }
    // What was cut off must not come back when the file grows again.
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }
}

function sharePage(one: Change, other: Change): boolean {
  if (one.bytes === undefined || other.bytes === undefined) return false;
  const first = (change: Change) => Math.floor(change.at / PAGE_BYTES);
  const last = (change: Change) =>
    Math.floor((change.at + (change.bytes?.length ?? 1) - 1) / PAGE_BYTES);
  return first(one) <= last(other) && first(other) <= last(one);
}

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Random } from "../support/random.ts";
import { FileContent, type FileState } from "./file-content.ts";
import type { DiskRecord } from "./records.ts";

/** A change of names that may still be undone by a power cut. */
interface NameChange {
  readonly ns: bigint;
  readonly folder: string;
  apply(names: Map<string, DiskEntry>): void;
}

type DiskEntry = FileContent | "folder";

/** What a disk has of a folder before any change. */
export interface FolderState {
  readonly folder: string;
  readonly files: readonly (FileState & { readonly path: string })[];
  readonly folders: readonly { readonly path: string; readonly inode: number }[];
}

/** Shared memory does not outlive a power cut. */
function isLost(path: string): boolean {
  return path.endsWith("-shm");
}

export function stateOf(folder: string): FolderState {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => !isLost(path));
  const found = paths.map((path) => ({ path, stat: statSync(path) }));
  return {
    folder,
    files: found
      .filter(({ stat }) => stat.isFile())
      .map(({ path, stat }) => ({ path, inode: stat.ino, bytes: readFileSync(path) })),
    folders: found
      .filter(({ stat }) => stat.isDirectory())
      .map(({ path, stat }) => ({ path, inode: stat.ino })),
  };
}

/**
 * A disk that has only what an fsync has reached. A file's content is on it after an fsync of the
 * file, and a new name, a removal or a rename after an fsync of the folder.
 */
export class Disk {
  readonly #folder: string;
  /** Of the last file with this number. */
  readonly #byInode = new Map<number, FileContent>();
  readonly #names = new Map<string, DiskEntry>();
  #nameChanges: NameChange[] = [];

  constructor({ folder, files, folders }: FolderState) {
    this.#folder = folder;
    for (const { path } of folders) this.#names.set(path, "folder");
    for (const { path, ...state } of files) {
      const file = new FileContent(state.bytes);
      this.#names.set(path, file);
      this.#byInode.set(state.inode, file);
    }
  }

  apply(record: DiskRecord): void {
    const { ns, kind, inode, at, content } = record;
    switch (kind) {
      case "write":
        this.#fileOf(record).change({ ns, at: Number(at), bytes: Buffer.from(content) });
        return;
      case "resize":
        this.#fileOf(record).change({ ns, at: Number(at), bytes: undefined });
        return;
      case "sync begins":
        return;
      case "synced": {
        const path = String(content);
        this.#byInode.get(inode)?.synced(at);
        const isHere = (change: NameChange) => change.folder === path && change.ns < at;
        for (const change of this.#nameChanges.filter(isHere)) change.apply(this.#names);
        this.#nameChanges = this.#nameChanges.filter((change) => !isHere(change));
        return;
      }
      case "sync failed":
        this.#byInode.get(inode)?.lost(at);
        return;
      default:
        this.#changeNames(record);
    }
  }

  #fileOf({ inode, kind }: DiskRecord): FileContent {
    const file = this.#byInode.get(inode);
    if (file === undefined) throw new Error(`a ${kind} of a file that was never created`);
    return file;
  }

  #changeNames({ ns, kind, inode, at, content }: DiskRecord): void {
    const [path = "", to = ""] = String(content).split("\n");
    if (isLost(path)) return;
    const entry: DiskEntry = at === 1n ? "folder" : new FileContent(Buffer.alloc(0));
    if (kind === "created" && entry !== "folder") this.#byInode.set(inode, entry);
    const apply = (names: Map<string, DiskEntry>) => {
      const before = names.get(path);
      if (kind === "created") names.set(path, entry);
      else names.delete(path);
      if (kind === "renamed" && before !== undefined) names.set(to, before);
    };
    this.#nameChanges.push({ ns, folder: dirname(kind === "renamed" ? to : path), apply });
  }

  /**
   * The power fails. Of what no fsync has reached, the disk has this share: 0 is nothing, 1 is
   * everything, and otherwise a random part. Changes of names are kept in their order, as by file
   * systems with a journal, and changes of contents in pieces of 512 bytes, in any order.
   */
  cut(random: Random, share: number): void {
    const changes = this.#nameChanges.length;
    const kept = share > 0 && share < 1 ? random.between(0, changes) : share * changes;
    for (const change of this.#nameChanges.slice(0, kept)) change.apply(this.#names);
    this.#nameChanges = [];
    for (const file of this.#byInode.values()) file.cut(() => random.chance(share));
  }

  /** Makes the folder what the disk has of it. */
  writeToFolder(): void {
    for (const name of readdirSync(this.#folder))
      rmSync(join(this.#folder, name), { recursive: true });
    // A folder is before what is in it. A file whose folder is not on the disk is lost.
    for (const path of [...this.#names.keys()].sort()) {
      const entry = this.#names.get(path);
      const isReachable =
        dirname(path) === this.#folder || this.#names.get(dirname(path)) === "folder";
      if (!isReachable) this.#names.delete(path);
      else if (entry === "folder") mkdirSync(path);
      else if (entry !== undefined) writeFileSync(path, entry.bytes(), { mode: 0o600 });
    }
  }
}

import { execFileSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { removeFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import type { Random } from "../support/random.ts";
import { Disk, type FolderState, stateOf } from "./disk.ts";
import { type DiskRecord, readRecords } from "./records.ts";

const SOURCE = fileURLToPath(new URL("./recorder.c", import.meta.url));
/** Records in memory do not change the times of fsyncs. */
const MEMORY = "/dev/shm";
let library: string | undefined;

interface FailingSync {
  /** The end of the path of the file. */
  readonly name: string;
  /** The fsync that fails removes it. */
  readonly marker: string;
}

interface Cut {
  /** How many records were made before. Default: all. */
  readonly moment?: number;
  /** The share of what is on the disk without an fsync. Default: a random one. */
  readonly share?: number;
}

/** What processes do to the files of a folder from now on, for power cuts in that folder. */
export class Recording implements Disposable {
  readonly #records = temporaryFolder("records", existsSync(MEMORY) ? MEMORY : undefined);
  readonly #before: FolderState;
  #read: readonly DiskRecord[] | undefined;

  /** Nothing may use the folder now. All that is in it counts as fsynced. */
  constructor(folder: string) {
    this.#before = stateOf(realpathSync(folder));
  }

  /** The environment of each process that uses the folder. */
  get env(): Readonly<Record<string, string>> {
    library ??= compile();
    return {
      LD_PRELOAD: library,
      RECORD_FOLDER: this.#before.folder,
      RECORDS: this.#records,
    };
  }

  /** The same, and while a file `marker` exists, the next fsync of the named file fails. */
  failing({ name, marker }: FailingSync): Readonly<Record<string, string>> {
    return { ...this.env, FAIL_SYNC_NAME: name, FAIL_SYNC_WHILE: marker };
  }

  /** All records. The recorded processes must have ended. */
  get records(): readonly DiskRecord[] {
    this.#read ??= readRecords(this.#records);
    return this.#read;
  }

  /** Makes the folder what it may be after a power cut. Can be called several times. */
  cut(random: Random, { moment, share }: Cut = {}): void {
    const disk = new Disk(this.#before);
    for (const record of this.records.slice(0, moment)) disk.apply(record);
    disk.cut(random, share ?? random.of([0, 1, 0.5, random.next()]));
    disk.writeToFolder();
  }

  [Symbol.dispose](): void {
    removeFolder(this.#records);
  }
}

function compile(): string {
  const path = join(temporaryFolder("recorder"), "recorder.so");
  const flags = ["-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"];
  execFileSync("gcc", [...flags, "-o", path, SOURCE, "-ldl"]);
  return path;
}

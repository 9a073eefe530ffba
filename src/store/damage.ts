/** Damage on the disk. */
export interface Damage {
  /**
   * A damaged read index is rebuilt from the messages. A damaged database has to be repaired. An
   * unreadable file is a fault of the disk.
   */
  readonly kind: "database" | "read_index" | "unreadable";
  /** The file, or another name for the place. */
  readonly file: string;
  /** What was found, without the content of messages. */
  readonly problem: string;
}

/** What to do about a disk that cannot read its data. */
export const REPLACE_DISK =
  "Check the system log (dmesg) and the disk. Stop the service, copy the files to another disk, and run lyftr verify there";

/** What to do about a damaged database. */
export const REPAIR =
  "Find the damage with lyftr verify. Then stop the service, keep a copy of the files, and restore the newest sound backup, " +
  'or repair the file: docs/operations/troubleshooting.md, "A damaged database"';

import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Brings the content of a file to the disk, or the names in a folder. */
export function fsync(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Creates a folder and the missing ones above it, and fsyncs their names: otherwise a power cut may
 * take the folder with everything in it. Returns the first one that was created.
 */
export function createFolder(path: string): string | undefined {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return undefined;
  const last = dirname(resolve(first));
  let folder = resolve(path);
  while (folder !== last && folder !== dirname(folder)) {
    folder = dirname(folder);
    fsync(folder);
  }
  return first;
}

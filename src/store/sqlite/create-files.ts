import { closeSync, existsSync, openSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { createFolder } from "./fsync.ts";

/** Removes what {@link createFiles} created, unless something has been written to it. */
export type Undo = () => void;

/**
 * Creates missing files and their folder. Only the owner may read messages, and SQLite gives its
 * log the mode of the file.
 */
export function createFiles(...paths: readonly [string, ...string[]]): Undo {
  const folder = dirname(paths[0]);
  const firstFolder = createFolder(folder);
  const made = paths.filter((path) => !existsSync(path));
  for (const path of paths) closeSync(openSync(path, "a", 0o600));
  return () => {
    for (const path of made)
      if (statSync(path, { throwIfNoEntry: false })?.size === 0) rmSync(path);
    if (firstFolder !== undefined) removeEmpty(folder, firstFolder);
  };
}

/**
 * Removes folders from the innermost up to the first one that was created, unless they have
 * content.
 */
function removeEmpty(folder: string, last: string): void {
  try {
    rmdirSync(folder);
  } catch {
    return;
  }
  if (folder !== last && dirname(folder).length >= last.length) removeEmpty(dirname(folder), last);
}

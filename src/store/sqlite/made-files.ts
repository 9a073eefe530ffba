import { closeSync, existsSync, mkdirSync, openSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** Takes back what {@link makeFiles} made, as far as nothing has been written to it. */
export type Undo = () => void;

/**
 * Makes missing files and their folder. What people wrote to a business is for its owner's eyes only;
 * SQLite gives its log the mode of the file.
 */
export function makeFiles(...paths: readonly [string, ...string[]]): Undo {
  const folder = dirname(paths[0]);
  const firstFolder = mkdirSync(folder, { recursive: true });
  const made = paths.filter((path) => !existsSync(path));
  for (const path of paths) closeSync(openSync(path, "a", 0o600));
  return () => {
    for (const path of made) if (statSync(path, { throwIfNoEntry: false })?.size === 0) rmSync(path);
    if (firstFolder !== undefined) removeEmpty(folder, firstFolder);
  };
}

/** Removes folders from the innermost up to the one that was made first, unless something is in them. */
function removeEmpty(folder: string, last: string): void {
  try {
    rmdirSync(folder);
  } catch {
    return;
  }
  if (folder !== last && dirname(folder).length >= last.length) removeEmpty(dirname(folder), last);
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = new Set<string>();

// A process that ended a moment ago may still have been writing.
const REMOVAL = { recursive: true, force: true, maxRetries: 3 } as const;

/** A new folder, which is removed when this process ends, unless it was removed or kept before. */
export function temporaryFolder(name: string, parent: string = tmpdir()): string {
  if (folders.size === 0) process.once("exit", removeAll);
  const path = mkdtempSync(join(parent, `lyftr-${name}-`));
  folders.add(path);
  return path;
}

/** Leaves a folder for a look. */
export function keepFolder(path: string): void {
  folders.delete(path);
}

export function removeFolder(path: string): void {
  folders.delete(path);
  rmSync(path, REMOVAL);
}

function removeAll(): void {
  for (const path of folders) rmSync(path, REMOVAL);
}

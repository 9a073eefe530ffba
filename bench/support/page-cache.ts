import { execFileSync } from "node:child_process";
import { accessSync, constants, writeFileSync } from "node:fs";

const DROP = "/proc/sys/vm/drop_caches";
const PAGES = "1";

export function mayDropPageCache(): boolean {
  try {
    accessSync(DROP, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes the kernel forget every file it has read, on the whole machine, so that the next read comes
 * from the disk. Only root may do that.
 */
export function dropPageCache(): void {
  // Pages that are not yet written back would stay.
  execFileSync("sync");
  writeFileSync(DROP, PAGES);
}

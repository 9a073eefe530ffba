import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./temporary-folder.ts";

const SOURCE = fileURLToPath(new URL("./disk-faults.c", import.meta.url));
let library: string | undefined;

/** The faults of a disk; see disk-faults.c. */
export type DiskFault = "FILE" | "COPY" | "FAIL_SYNC" | "SYNC_MS" | "FULL" | "FULL_NAME";

/**
 * The environment of a process whose disk fails like this. Compiles the library at the first call.
 */
export function diskFaults(
  faults: Readonly<Partial<Record<DiskFault, string | number>>>,
): Record<string, string> {
  library ??= compile();
  const entries = Object.entries(faults).map(
    ([name, value]) => [`DISK_${name}`, String(value)] as const,
  );
  return { LD_PRELOAD: library, ...Object.fromEntries(entries) };
}

function compile(): string {
  const path = join(temporaryFolder("disk-faults"), "disk-faults.so");
  execFileSync("gcc", [
    "-O1",
    "-shared",
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-o",
    path,
    SOURCE,
    "-ldl",
  ]);
  return path;
}

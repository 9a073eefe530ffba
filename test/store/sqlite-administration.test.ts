import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { exerciseAdministration } from "./exercise.ts";

exerciseAdministration("sqlite", () => {
  const folder = mkdtempSync(join(tmpdir(), "lyftr-store-"));
  return {
    open: () => SqliteStore.open(join(folder, "app.db")),
    remove: () => rmSync(folder, { recursive: true }),
  };
});

import { cutLog } from "../connection.ts";
import { serveLine } from "../worker-line.ts";
import { openReadIndex } from "./connection.ts";
import { backlogOf, fold } from "./fold.ts";
import { searchable } from "./searchable.ts";

// The code of the thread that keeps the read index. It locks the index only, so no write of a message ever waits for it.
serveLine(({ path }: { path: string }) => {
  const statements = openReadIndex(path);
  statements.db.function("searchable", { deterministic: true }, (text) => searchable(String(text)));
  return {
    opened: () => backlogOf(statements),
    fold: (rowsMax: number) => fold(statements, rowsMax),
    cutLog: () => cutLog(statements.db, "read_index"),
    close: () => statements.db.close(),
  };
});

import type { NewMessage } from "../../src/domain/message.ts";
import type { Database, Statement } from "../../src/store/postgres/database.ts";

/** Leaves some stored messages in the form of the version before NFC. */
export async function foldAsBefore(
  database: Database,
  rows: readonly Pick<NewMessage, "messageId" | "source" | "text">[],
): Promise<void> {
  const statements: Statement[] = [];
  for (const { messageId, source, text } of rows) {
    if (text === null) continue;
    const folded = text.toLowerCase().toUpperCase();
    const byServer = text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
    statements.push({
      sql: "UPDATE messages SET folded = $1 WHERE message_id = $2 AND source = $3 AND text = $4",
      values: [folded === byServer ? null : folded, messageId, source, text],
    });
  }
  await database.batch(statements, 10_000);
}

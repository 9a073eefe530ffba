import type { AuditEntry, AuditQuery } from "../../credentials.ts";
import type { Transaction, Value } from "../connection.ts";
import type { Database } from "../database.ts";

/** For a transaction that does what the entry describes. */
export async function addToAudit(
  tx: Transaction,
  { at, id, actor, action, subject, details }: AuditEntry,
): Promise<void> {
  const values = [at, id, actor, action, subject, JSON.stringify(details)];
  await tx.run(
    "INSERT INTO audit (at, id, actor, action, subject, details) VALUES ($1, $2, $3, $4, $5, $6)",
    values,
  );
}

export async function newestAudit(
  database: Database,
  { limit, before }: AuditQuery,
): Promise<readonly AuditEntry[]> {
  const [where, values]: [string, readonly Value[]] =
    before === undefined ? ["", []] : ["WHERE (at, id) < ($2, $3)", [before.at, before.id]];
  const rows = await database.all<AuditEntry & { details: string }>(
    `SELECT at, id, actor, action, subject, details FROM audit ${where} ORDER BY at DESC, id DESC LIMIT $1`,
    [limit, ...values],
  );
  return rows.map((row) => ({ ...row, details: JSON.parse(row.details) }));
}

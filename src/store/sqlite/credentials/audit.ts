import type { AuditEntry, AuditQuery } from "../../credentials.ts";
import type { Statements } from "../statements.ts";

/** For a transaction that does what the entry describes. */
export function addToAudit(
  statements: Statements,
  { at, id, actor, action, subject, details }: AuditEntry,
): void {
  const values = [at, id, actor, action, subject, JSON.stringify(details)];
  statements.run(
    "INSERT INTO audit (at, id, actor, action, subject, details) VALUES (?, ?, ?, ?, ?, ?)",
    values,
  );
}

export function newestAudit(
  statements: Statements,
  { limit, before }: AuditQuery,
): readonly AuditEntry[] {
  const [where, values] =
    before === undefined ? ["", []] : ["WHERE (at, id) < (?, ?)", [before.at, before.id]];
  const rows = statements.all<AuditEntry & { details: string }>(
    `SELECT at, id, actor, action, subject, details FROM audit ${where} ORDER BY at DESC, id DESC LIMIT ?`,
    [...values, limit],
  );
  return rows.map((row) => ({ ...row, details: JSON.parse(row.details) }));
}

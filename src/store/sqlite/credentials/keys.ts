import type { ApiKey } from "../../../domain/api-key.ts";
import type { AuditStamp, KeyAddition, KeyRotation, KeyUse, Successor } from "../../credentials.ts";
import {
  decideAddition,
  decideRotation,
  entryOfAddition,
  entryOfRevocation,
  entryOfRotation,
  type SameNameKeys,
} from "../../key-rules.ts";
import { transaction } from "../connection.ts";
import type { Statements } from "../statements.ts";
import { addToAudit } from "./audit.ts";

const COLUMNS = `id, name, scope, hash, hint, created_at AS createdAt, expires_at AS expiresAt, retires_at AS retiresAt,
  revoked_at AS revokedAt, last_used_at AS lastUsedAt`;

export function allKeys(statements: Statements): readonly ApiKey[] {
  return statements.all<ApiKey>(`SELECT ${COLUMNS} FROM api_keys ORDER BY created_at, id`);
}

/**
 * Keys are added and revoked once each, and a key retires only when its successor is added. So
 * these counts identify the state.
 */
export function keysVersion(statements: Statements): string {
  const row = statements.get(
    "SELECT count(*) AS total, count(revoked_at) AS revoked FROM api_keys",
  );
  return `${row?.total} ${row?.revoked}`;
}

export function addKey(
  statements: Statements,
  { key, by }: { readonly key: ApiKey; readonly by: AuditStamp },
): KeyAddition {
  return transaction(statements.db, "BEGIN IMMEDIATE", () => {
    const addition = decideAddition(namesakes(statements, key.name), by);
    if (addition.kind !== "added") return addition;
    insert(statements, key);
    addToAudit(statements, entryOfAddition(key, by));
    return addition;
  });
}

export function rotateKey(
  statements: Statements,
  rotating: { readonly id: string; readonly successor: Successor; readonly by: AuditStamp },
): KeyRotation {
  return transaction(statements.db, "BEGIN IMMEDIATE", () => {
    const name = nameOf(statements, rotating.id);
    if (name === undefined) return { kind: "unknown" };
    const rotation = decideRotation(namesakes(statements, name), rotating);
    if (rotation.kind !== "rotated") return rotation;
    const { old, successor } = rotation;
    statements.run("UPDATE api_keys SET retires_at = ? WHERE id = ?", [old.retiresAt, old.id]);
    insert(statements, successor);
    addToAudit(statements, entryOfRotation(old, successor, rotating.by));
    return rotation;
  });
}

export function revokeKeys(
  statements: Statements,
  {
    which,
    by,
  }: {
    readonly which: { readonly id: string } | { readonly name: string };
    readonly by: AuditStamp;
  },
): readonly ApiKey[] | undefined {
  return transaction(statements.db, "BEGIN IMMEDIATE", () => {
    const [condition, value] = "id" in which ? ["id = ?", which.id] : ["name = ?", which.name];
    const found = statements.all<ApiKey>(`SELECT ${COLUMNS} FROM api_keys WHERE ${condition}`, [
      value,
    ]);
    if (found.length === 0) return undefined;
    const revoked = found
      .filter(({ revokedAt }) => revokedAt === null)
      .map((key) => ({ ...key, revokedAt: by.at }));
    if (revoked.length === 0) return [];
    statements.run(`UPDATE api_keys SET revoked_at = ? WHERE ${condition} AND revoked_at IS NULL`, [
      by.at,
      value,
    ]);
    addToAudit(statements, entryOfRevocation(revoked, by));
    return revoked;
  });
}

export function touchKeys(statements: Statements, uses: readonly KeyUse[]): void {
  transaction(statements.db, "BEGIN IMMEDIATE", () => {
    for (const { id, at } of uses) {
      // Another process may have stored a later use.
      statements.run(
        "UPDATE api_keys SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)",
        [at, id, at],
      );
    }
  });
}

function namesakes(statements: Statements, name: string): SameNameKeys {
  return {
    keys: statements.all<ApiKey>(`SELECT ${COLUMNS} FROM api_keys WHERE name = ?`, [name]),
    total: statements.number("SELECT count(*) FROM api_keys"),
  };
}

function nameOf(statements: Statements, id: string): string | undefined {
  return statements.get<{ name: string }>("SELECT name FROM api_keys WHERE id = ?", [id])?.name;
}

function insert(statements: Statements, key: ApiKey): void {
  const { id, name, scope, hash, hint, createdAt, expiresAt } = key;
  statements.run(
    "INSERT INTO api_keys (id, name, scope, hash, hint, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [id, name, scope, hash, hint, createdAt, expiresAt],
  );
}

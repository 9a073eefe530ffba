import {
  ACCEPTED_SECONDS,
  type AcceptingProcess,
  type AuditEntry,
  areSameSecrets,
  KEPT_SECRETS_MAX,
  type KeptSecret,
  type RetirementOutcome,
  type SecretRetirement,
  type SecretUse,
} from "../../credentials.ts";
import { transaction } from "../connection.ts";
import type { Statements } from "../statements.ts";
import { addToAudit } from "./audit.ts";

export function listSecrets(statements: Statements): readonly KeptSecret[] {
  const rows = statements.all<KeptSecret>(
    `SELECT name, sealed, created_at AS "createdAt", retires_at AS "retiresAt" FROM webhook_secrets
     ORDER BY created_at, name`,
  );
  return rows.map((row) => ({ ...row }));
}

export function addSecret(
  statements: Statements,
  { secret, entry }: { readonly secret: KeptSecret; readonly entry: AuditEntry },
): "added" | "name_taken" | "too_many" {
  return transaction(statements.db, "BEGIN IMMEDIATE", () => {
    removeEnded(statements, entry.at);
    if (statements.number("SELECT count(*) FROM webhook_secrets WHERE name = ?", [secret.name]) > 0)
      return "name_taken";
    if (statements.number("SELECT count(*) FROM webhook_secrets") >= KEPT_SECRETS_MAX)
      return "too_many";
    const { name, sealed, createdAt, retiresAt } = secret;
    const values = [name, sealed, createdAt, retiresAt];
    statements.run(
      "INSERT INTO webhook_secrets (name, sealed, created_at, retires_at) VALUES (?, ?, ?, ?)",
      values,
    );
    addToAudit(statements, entry);
    return "added";
  });
}

export function retireSecret(
  statements: Statements,
  { retirement, entry }: { readonly retirement: SecretRetirement; readonly entry: AuditEntry },
): RetirementOutcome {
  const { name, retiresAt, decidedFor } = retirement;
  return transaction(statements.db, "BEGIN IMMEDIATE", () => {
    removeEnded(statements, entry.at);
    const kept = listSecrets(statements);
    if (decidedFor !== undefined && !areSameSecrets(kept, decidedFor, entry.at)) return "changed";
    if (!kept.some((one) => one.name === name)) return "unknown";
    const values = [retiresAt, name];
    statements.run("UPDATE webhook_secrets SET retires_at = ? WHERE name = ?", values);
    removeEnded(statements, entry.at);
    addToAudit(statements, entry);
    return "retired";
  });
}

export function secretUses(
  statements: Statements,
  fingerprints: readonly string[],
): readonly SecretUse[] {
  return statements.all<SecretUse>(
    `SELECT fingerprint, seen_at AS "seenAt", last_verified_at AS "lastVerifiedAt" FROM secret_uses
     WHERE fingerprint IN (SELECT value FROM json_each(?))`,
    [JSON.stringify(fingerprints)],
  );
}

export function noteSecretUses(statements: Statements, uses: readonly SecretUse[]): void {
  transaction(statements.db, "BEGIN IMMEDIATE", () => {
    for (const { fingerprint, seenAt, lastVerifiedAt } of uses) {
      // max() of two values is null when one of them is.
      statements.run(
        `INSERT INTO secret_uses (fingerprint, seen_at, last_verified_at) VALUES (?, ?, ?)
         ON CONFLICT (fingerprint) DO UPDATE SET seen_at = min(seen_at, excluded.seen_at),
           last_verified_at = nullif(max(coalesce(last_verified_at, ''), coalesce(excluded.last_verified_at, '')), '')`,
        [fingerprint, seenAt, lastVerifiedAt],
      );
    }
  });
}

export function noteAccepted(
  statements: Statements,
  { process, secrets, nowMs }: AcceptingProcess & { readonly nowMs: number },
): void {
  transaction(statements.db, "BEGIN IMMEDIATE", () => {
    statements.run("DELETE FROM accepted_secrets WHERE expires_at < ?", [textOf(nowMs)]);
    statements.run(
      `INSERT INTO accepted_secrets (process, secrets, expires_at) VALUES (?, ?, ?)
       ON CONFLICT (process) DO UPDATE SET secrets = excluded.secrets, expires_at = excluded.expires_at`,
      [process, JSON.stringify(secrets), textOf(nowMs + ACCEPTED_SECONDS * 1_000)],
    );
  });
}

export function dropAccepted(statements: Statements, process: string): void {
  statements.run("DELETE FROM accepted_secrets WHERE process = ?", [process]);
}

export function acceptingProcesses(
  statements: Statements,
  nowMs: number,
): readonly AcceptingProcess[] {
  return statements
    .all<{ process: string; secrets: string }>(
      "SELECT process, secrets FROM accepted_secrets WHERE expires_at >= ? ORDER BY process",
      [textOf(nowMs)],
    )
    .map(({ process, secrets }) => ({ process, secrets: JSON.parse(secrets) }));
}

export function databaseId(statements: Statements): string {
  return String(statements.get<{ id: string }>("SELECT id FROM lyftr_database")?.id);
}

/** A secret that has ended is deleted, although it is encrypted. */
function removeEnded(statements: Statements, now: string): void {
  statements.run("DELETE FROM webhook_secrets WHERE retires_at <= ?", [now]);
}

function textOf(ms: number): string {
  return new Date(ms).toISOString();
}

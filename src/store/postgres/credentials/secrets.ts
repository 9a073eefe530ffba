import {
  ACCEPTED_SECONDS,
  type AcceptingProcess,
  type AuditEntry,
  areSameSecrets,
  KEPT_SECRETS_MAX,
  type KeptSecret,
  type RetirementOutcome,
  type SecretRetirement,
  type SecretStore,
  type SecretUse,
} from "../../credentials.ts";
import type { Transaction } from "../connection.ts";
import type { Database } from "../database.ts";
import { numberOf } from "../sql.ts";
import { addToAudit } from "./audit.ts";

export function secretsIn(database: Database): SecretStore {
  return {
    list: () => listSecrets(database),
    add: (secret, entry) => database.transaction((tx) => addSecret(tx, secret, entry)),
    retire: (retirement, entry) =>
      database.transaction((tx) => retireSecret(tx, retirement, entry)),
    uses: (fingerprints) => secretUses(database, fingerprints),
    noteUses: (uses) => database.transaction((tx) => noteUses(tx, uses)),
    noteAccepted: (report) => database.transaction((tx) => noteAccepted(tx, report)),
    dropAccepted: async (process) => {
      await database.all("DELETE FROM accepted_secrets WHERE process = $1", [process]);
    },
    accepting: () => acceptingProcesses(database),
    databaseId: () => databaseId(database),
  };
}

function listSecrets(database: Pick<Database, "all">): Promise<readonly KeptSecret[]> {
  return database.all<KeptSecret>(
    `SELECT name, sealed, created_at AS "createdAt", retires_at AS "retiresAt" FROM webhook_secrets
     ORDER BY created_at, name`,
  );
}

async function addSecret(
  tx: Transaction,
  secret: KeptSecret,
  entry: AuditEntry,
): Promise<"added" | "name_taken" | "too_many"> {
  await oneAfterTheOther(tx);
  await removeEnded(tx, entry.at);
  if (
    (await numberOf(tx, "SELECT count(*) FROM webhook_secrets WHERE name = $1", [secret.name])) > 0
  )
    return "name_taken";
  if ((await numberOf(tx, "SELECT count(*) FROM webhook_secrets")) >= KEPT_SECRETS_MAX)
    return "too_many";
  const { name, sealed, createdAt, retiresAt } = secret;
  const values = [name, sealed, createdAt, retiresAt];
  await tx.run(
    "INSERT INTO webhook_secrets (name, sealed, created_at, retires_at) VALUES ($1, $2, $3, $4)",
    values,
  );
  await addToAudit(tx, entry);
  return "added";
}

async function retireSecret(
  tx: Transaction,
  { name, retiresAt, decidedFor }: SecretRetirement,
  entry: AuditEntry,
): Promise<RetirementOutcome> {
  await oneAfterTheOther(tx);
  await removeEnded(tx, entry.at);
  const kept = await listSecrets(tx);
  if (decidedFor !== undefined && !areSameSecrets(kept, decidedFor, entry.at)) return "changed";
  if (!kept.some((one) => one.name === name)) return "unknown";
  const values = [name, retiresAt];
  await tx.run("UPDATE webhook_secrets SET retires_at = $2 WHERE name = $1", values);
  await removeEnded(tx, entry.at);
  await addToAudit(tx, entry);
  return "retired";
}

function secretUses(
  database: Database,
  fingerprints: readonly string[],
): Promise<readonly SecretUse[]> {
  return database.all<SecretUse>(
    `SELECT fingerprint, seen_at AS "seenAt", last_verified_at AS "lastVerifiedAt" FROM secret_uses
     WHERE fingerprint = ANY($1)`,
    [fingerprints],
  );
}

async function noteUses(tx: Transaction, uses: readonly SecretUse[]): Promise<void> {
  // Locks rows in the same order everywhere, so that two replicas never wait for each other.
  const sorted = [...uses].sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
  for (const { fingerprint, seenAt, lastVerifiedAt } of sorted) {
    await tx.run(
      `INSERT INTO secret_uses (fingerprint, seen_at, last_verified_at) VALUES ($1, $2, $3)
       ON CONFLICT (fingerprint) DO UPDATE SET seen_at = least(secret_uses.seen_at, excluded.seen_at),
         last_verified_at = greatest(secret_uses.last_verified_at, excluded.last_verified_at)`,
      [fingerprint, seenAt, lastVerifiedAt],
    );
  }
}

/** By the clock of the database, which is the same for all processes. */
async function noteAccepted(
  tx: Transaction,
  { process, secrets }: AcceptingProcess,
): Promise<void> {
  // A row that another process is removing is left to that process, so that two never wait for each
  // other.
  await tx.run(
    `DELETE FROM accepted_secrets WHERE process IN
       (SELECT process FROM accepted_secrets WHERE expires_at < now() AND process <> $1 FOR UPDATE SKIP LOCKED)`,
    [process],
  );
  await tx.run(
    `INSERT INTO accepted_secrets (process, secrets, expires_at) VALUES ($1, $2, now() + make_interval(secs => $3))
     ON CONFLICT (process) DO UPDATE SET secrets = excluded.secrets, expires_at = excluded.expires_at`,
    [process, JSON.stringify(secrets), ACCEPTED_SECONDS],
  );
}

async function acceptingProcesses(database: Database): Promise<readonly AcceptingProcess[]> {
  const rows = await database.all<{ process: string; secrets: string }>(
    "SELECT process, secrets FROM accepted_secrets WHERE expires_at >= now() ORDER BY process",
  );
  return rows.map(({ process, secrets }) => ({ process, secrets: JSON.parse(secrets) }));
}

async function databaseId(database: Database): Promise<string> {
  const [row] = await database.all<{ id: string }>("SELECT id FROM lyftr_database");
  return String(row?.id);
}

/**
 * Serializes changes: the lock of a row is held until the transaction ends, so the second change
 * sees the first.
 */
async function oneAfterTheOther(tx: Transaction): Promise<void> {
  await tx.run("UPDATE leases SET holder = holder WHERE name = 'webhook_secrets'");
}

/** A secret that has ended is deleted, although it is encrypted. */
async function removeEnded(tx: Transaction, now: string): Promise<void> {
  await tx.run("DELETE FROM webhook_secrets WHERE retires_at <= $1", [now]);
}

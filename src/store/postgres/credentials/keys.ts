import type { ApiKey } from "../../../domain/api-key.ts";
import type {
  AuditStamp,
  KeyAddition,
  KeyRotation,
  KeyStore,
  KeyUse,
  Successor,
} from "../../credentials.ts";
import {
  decideAddition,
  decideRotation,
  entryOfAddition,
  entryOfRevocation,
  entryOfRotation,
  type SameNameKeys,
} from "../../key-rules.ts";
import type { Transaction } from "../connection.ts";
import type { Database } from "../database.ts";
import { numberOf } from "../sql.ts";
import { addToAudit } from "./audit.ts";

const COLUMNS = `id, name, scope, hash, hint, created_at AS "createdAt", expires_at AS "expiresAt", retires_at AS "retiresAt",
  revoked_at AS "revokedAt", last_used_at AS "lastUsedAt"`;

export function keysIn(database: Database): KeyStore {
  return {
    all: () => database.all<ApiKey>(`SELECT ${COLUMNS} FROM api_keys ORDER BY created_at, id`),
    version: () => version(database),
    add: (key, by) => changing(database, (tx) => add(tx, key, by)),
    rotate: (id, successor, by) => changing(database, (tx) => rotate(tx, { id, successor, by })),
    revoke: (which, by) => changing(database, (tx) => revoke(tx, which, by)),
    touch: (uses) => touch(database, uses),
  };
}

/**
 * The lock of a row serializes changes. It ends with the transaction, also behind a pooler and on
 * all nodes of Citus.
 */
function changing<T>(database: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return database.transaction(async (tx) => {
    await tx.run("UPDATE leases SET holder = holder WHERE name = 'api_keys'");
    return work(tx);
  });
}

/**
 * Keys are added and revoked once each, and a key retires only when its successor is added. So
 * these counts identify the state.
 */
async function version(database: Database): Promise<string> {
  const [row] = await database.all(
    "SELECT count(*) AS total, count(revoked_at) AS revoked FROM api_keys",
  );
  return `${row?.total} ${row?.revoked}`;
}

async function add(tx: Transaction, key: ApiKey, by: AuditStamp): Promise<KeyAddition> {
  const addition = decideAddition(await namesakes(tx, key.name), by);
  if (addition.kind !== "added") return addition;
  await insert(tx, key);
  await addToAudit(tx, entryOfAddition(key, by));
  return addition;
}

async function rotate(
  tx: Transaction,
  rotating: { readonly id: string; readonly successor: Successor; readonly by: AuditStamp },
): Promise<KeyRotation> {
  const [row] = await tx.all<{ name: string }>("SELECT name FROM api_keys WHERE id = $1", [
    rotating.id,
  ]);
  if (row === undefined) return { kind: "unknown" };
  const rotation = decideRotation(await namesakes(tx, row.name), rotating);
  if (rotation.kind !== "rotated") return rotation;
  const { old, successor } = rotation;
  await tx.run("UPDATE api_keys SET retires_at = $1 WHERE id = $2", [old.retiresAt, old.id]);
  await insert(tx, successor);
  await addToAudit(tx, entryOfRotation(old, successor, rotating.by));
  return rotation;
}

async function revoke(
  tx: Transaction,
  which: { readonly id: string } | { readonly name: string },
  by: AuditStamp,
): Promise<readonly ApiKey[] | undefined> {
  const [column, value] = "id" in which ? ["id", which.id] : ["name", which.name];
  const found = await tx.all<ApiKey>(`SELECT ${COLUMNS} FROM api_keys WHERE ${column} = $1`, [
    value,
  ]);
  if (found.length === 0) return undefined;
  const revoked = found
    .filter(({ revokedAt }) => revokedAt === null)
    .map((key) => ({ ...key, revokedAt: by.at }));
  if (revoked.length === 0) return [];
  await tx.run(`UPDATE api_keys SET revoked_at = $1 WHERE ${column} = $2 AND revoked_at IS NULL`, [
    by.at,
    value,
  ]);
  await addToAudit(tx, entryOfRevocation(revoked, by));
  return revoked;
}

/**
 * In the order of their ids, so that two processes that store uses of the same keys do not
 * deadlock.
 */
async function touch(database: Database, uses: readonly KeyUse[]): Promise<void> {
  const sorted = [...uses].sort((a, b) => (a.id < b.id ? -1 : 1));
  await database.transaction(async (tx) => {
    const noted = sorted.map(({ id, at }) =>
      // Another process may have stored a later use.
      tx.run(
        "UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)",
        [at, id],
      ),
    );
    await Promise.all(noted);
  });
}

async function namesakes(tx: Transaction, name: string): Promise<SameNameKeys> {
  const keys = await tx.all<ApiKey>(`SELECT ${COLUMNS} FROM api_keys WHERE name = $1`, [name]);
  return { keys, total: await numberOf(tx, "SELECT count(*) FROM api_keys") };
}

async function insert(tx: Transaction, key: ApiKey): Promise<void> {
  const { id, name, scope, hash, hint, createdAt, expiresAt } = key;
  await tx.run(
    "INSERT INTO api_keys (id, name, scope, hash, hint, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    [id, name, scope, hash, hint, createdAt, expiresAt],
  );
}

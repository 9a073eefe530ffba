import type { AlertStore } from "../../alerts.ts";
import type { CredentialsStore } from "../../credentials.ts";
import type { OpenMode } from "../../store.ts";
import { openWriter } from "../connection.ts";
import { requireOurs } from "../contents.ts";
import { closeUnlessBroken, failureOf } from "../forbid-closing.ts";
import { readUnchanged } from "../read-unchanged.ts";
import { Statements } from "../statements.ts";
import { type CredentialsOperation, carryOut } from "./operations.ts";

type Ask = <T>(operation: CredentialsOperation, argument?: unknown) => Promise<T>;

/** The credentials store, with `ask` to run its operations. */
export function credentialsBy(ask: Ask): CredentialsStore {
  return {
    audit: {
      add: (entry) => ask("addToAudit", entry),
      newest: (options) => ask("newestAudit", options),
    },
    keys: {
      all: () => ask("allKeys"),
      version: () => ask("keysVersion"),
      add: (key, by) => ask("addKey", { key, by }),
      rotate: (id, successor, by) => ask("rotateKey", { id, successor, by }),
      revoke: (which, by) => ask("revokeKeys", { which, by }),
      touch: (uses) => ask("touchKeys", uses),
    },
    secrets: {
      list: () => ask("listSecrets"),
      add: (secret, entry) => ask("addSecret", { secret, entry }),
      retire: (retirement, entry) => ask("retireSecret", { retirement, entry }),
      uses: (fingerprints) => ask("secretUses", fingerprints),
      noteUses: (uses) => ask("noteSecretUses", uses),
      noteAccepted: (report) => ask("noteAccepted", report),
      dropAccepted: (process) => ask("dropAccepted", process),
      accepting: (nowMs) => ask("acceptingProcesses", nowMs),
      databaseId: () => ask("databaseId"),
    },
  };
}

/** The alert store, in the same way. */
export function alertsBy(ask: Ask): AlertStore {
  return {
    exchange: (report) => ask("exchangeAlerts", report),
    votes: (nowMs) => ask("readVotes", nowMs),
  };
}

/**
 * The credentials, for a command: on its own connections, whose calls block. The service may be
 * running.
 */
export async function openSqliteCredentials(
  path: string,
  mode: Exclude<OpenMode, "create">,
): Promise<CredentialsStore & { close(): Promise<void> }> {
  await requireOurs(path);
  return mode === "read" ? readCredentials(path) : writeCredentials(path);
}

/** Each call opens its own connection: see {@link readUnchanged}. */
function readCredentials(path: string): CredentialsStore & { close(): Promise<void> } {
  const ask: Ask = (operation, argument) =>
    readUnchanged(path, (db) => carryOut(new Statements(db), { operation, argument }) as never);
  return { ...credentialsBy(ask), close: async () => undefined };
}

function writeCredentials(path: string): CredentialsStore & { close(): Promise<void> } {
  try {
    const db = openWriter(path);
    const statements = new Statements(db);
    const ask: Ask = async (operation, argument) => {
      try {
        return carryOut(statements, { operation, argument }) as never;
      } catch (error) {
        throw failureOf(error);
      }
    };
    return { ...credentialsBy(ask), close: async () => closeUnlessBroken(db) };
  } catch (error) {
    throw failureOf(error);
  }
}

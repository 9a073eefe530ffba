import type { AlertStore } from "../../alerts.ts";
import type { AccessStore } from "../../credentials.ts";
import type { OpenMode } from "../../open-mode.ts";
import { openWriter } from "../connection.ts";
import { requireOurs } from "../contents.ts";
import { closeUnlessBroken, failureOf } from "../hard-end.ts";
import { readUnchanged } from "../read-unchanged.ts";
import { Statements } from "../statements.ts";
import { type AccessOperation, carryOut } from "./operations.ts";

type Ask = <T>(operation: AccessOperation, argument?: unknown) => Promise<T>;

/** The tables beside the messages, by way of whoever carries the operations out. */
export function accessBy(ask: Ask): AccessStore {
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
      retire: (name, retiresAt, entry) => ask("retireSecret", { name, retiresAt, entry }),
      uses: (fingerprints) => ask("secretUses", fingerprints),
      noteUses: (uses) => ask("noteSecretUses", uses),
      noteAccepted: (report) => ask("noteAccepted", report),
      dropAccepted: (process) => ask("dropAccepted", process),
      accepting: (nowMs) => ask("acceptingProcesses", nowMs),
      databaseId: () => ask("databaseId"),
    },
  };
}

/** Alerts in the same way. One process serves a file, so there is no lease to give back. */
export function alertsBy(ask: Ask): AlertStore {
  return { exchange: (report) => ask("exchangeAlerts", report), stepDown: async () => undefined };
}

/** The same for a command: on connections of its own, whose calls block. The service may be running. */
export async function openSqliteAccess(
  path: string,
  mode: Exclude<OpenMode, "create">,
): Promise<AccessStore & { close(): Promise<void> }> {
  await requireOurs(path);
  return mode === "read" ? readAccess(path) : writeAccess(path);
}

/** Each call has a connection of its own: see {@link readUnchanged}. */
function readAccess(path: string): AccessStore & { close(): Promise<void> } {
  const ask: Ask = (operation, argument) =>
    readUnchanged(path, (db) => carryOut(new Statements(db), { operation, argument }) as never);
  return { ...accessBy(ask), close: async () => undefined };
}

function writeAccess(path: string): AccessStore & { close(): Promise<void> } {
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
    return { ...accessBy(ask), close: async () => closeUnlessBroken(db) };
  } catch (error) {
    throw failureOf(error);
  }
}

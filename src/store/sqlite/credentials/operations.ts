import { exchangeAlerts, readVotes } from "../alerts.ts";
import type { Statements } from "../statements.ts";
import { addToAudit, newestAudit } from "./audit.ts";
import { addKey, allKeys, keysVersion, revokeKeys, rotateKey, touchKeys } from "./keys.ts";
import {
  acceptingProcesses,
  addSecret,
  databaseId,
  dropAccepted,
  listSecrets,
  noteAccepted,
  noteSecretUses,
  retireSecret,
  secretUses,
} from "./secrets.ts";

/** The operations on the credentials tables. Each is one transaction of the given connection. */
export const CREDENTIALS_OPERATIONS = {
  addToAudit,
  newestAudit,
  allKeys,
  keysVersion,
  addKey,
  rotateKey,
  revokeKeys,
  touchKeys,
  listSecrets,
  addSecret,
  retireSecret,
  secretUses,
  noteSecretUses,
  noteAccepted,
  dropAccepted,
  acceptingProcesses,
  databaseId,
  exchangeAlerts,
  readVotes,
} satisfies Readonly<Record<string, (statements: Statements, argument: never) => unknown>>;

export type CredentialsOperation = keyof typeof CREDENTIALS_OPERATIONS;

/** An operation that is sent to the writer thread. */
export interface CredentialsCall {
  readonly operation: CredentialsOperation;
  readonly argument: unknown;
}

export function carryOut(
  statements: Statements,
  { operation, argument }: CredentialsCall,
): unknown {
  return CREDENTIALS_OPERATIONS[operation](statements, argument as never);
}

import { type Outcome, request } from "./request.ts";

/** A webhook secret of `GET /secrets`, without its value. */
export interface WebhookSecret {
  readonly name: string;
  /** `database`, or the variable that has it. */
  readonly from: string;
  readonly since: string | null;
  readonly ends: string | null;
  readonly last_verified_at: string | null;
  /** How many of the running processes accept it. */
  readonly accepted_by: number;
  readonly may_be_retired: "yes" | "no" | "not yet" | "ended" | "unknown";
  /** The same as a sentence, which begins with the short answer. */
  readonly may_retire: string;
}

export interface SecretList {
  readonly data: readonly WebhookSecret[];
  /** How many running processes have reported what they accept. */
  readonly processes: number;
  /** Whether secrets can be added. */
  readonly master_key_set: boolean;
}

export interface AddedSecret {
  readonly name: string;
  readonly created_at: string;
  /** Null if it was given. No other answer has it. */
  readonly secret: string | null;
  readonly warnings: readonly string[];
}

export interface Retirement {
  readonly in: string;
  /** Retires it even if webhooks are refused then. */
  readonly force: boolean;
}

export function readSecrets(signal: AbortSignal, etag?: string): Promise<Outcome<SecretList>> {
  return request("secrets", { signal, etag });
}

/** Without a secret the service makes one. */
export function addSecret(body: {
  readonly name: string;
  readonly secret: string | null;
}): Promise<Outcome<AddedSecret>> {
  return request("secrets", { method: "POST", body });
}

export function retireSecret(
  name: string,
  body: Retirement,
): Promise<Outcome<{ readonly name: string; readonly retires_at: string }>> {
  return request(`secrets/${encodeURIComponent(name)}/retire`, { method: "POST", body });
}

import { type Outcome, request } from "./request.ts";

/** `GET /session`. */
export interface Session {
  readonly signed_in: boolean;
  readonly name?: string | null;
  readonly scope?: "read" | "admin" | null;
  readonly expires_at?: string | null;
  /** Whether reading needs a key. `until_first_key`: it does as soon as there is one. */
  readonly read: "keys" | "open" | "until_first_key";
}

export function readSession(): Promise<Outcome<Session>> {
  return request("session");
}

export function signIn(key: string): Promise<Outcome<Session>> {
  return request("session", { method: "POST", body: { key } });
}

export function signOut(): Promise<Outcome<void>> {
  return request("session", { method: "DELETE" });
}

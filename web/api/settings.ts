import { type Outcome, request } from "./request.ts";

/** A line of `GET /settings`. */
export interface Setting {
  readonly name: string;
  /** `set` stands for a secret. Null when it is not set. */
  readonly value: string | null;
  readonly from: "environment" | "file" | "default";
}

export function readSettings(signal: AbortSignal): Promise<Outcome<readonly Setting[]>> {
  return request("settings", { signal });
}

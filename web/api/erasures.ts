import { type Outcome, request } from "./request.ts";

export interface Erasure {
  readonly messages_deleted: number;
  /** Sentences that name what may still have data of the person. */
  readonly remains: readonly string[];
}

/** Erases a person. The number is in the body, because proxies keep paths. */
export function erasePerson(number: string): Promise<Outcome<Erasure>> {
  return request("erasures", { method: "POST", body: { number } });
}

import { queryOf } from "../route.ts";
import { type Outcome, request } from "./request.ts";

/** An entry of `GET /audit`. */
export interface AuditEntry {
  readonly at: string;
  readonly id: string;
  /** `key:NAME`, `ADMIN_API_KEY`, `cli` or `service`. */
  readonly actor: string;
  readonly action: string;
  /** Empty for personal data. */
  readonly subject: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

export interface AuditPage {
  readonly data: readonly AuditEntry[];
  readonly next_before: string | null;
}

/** A page, the newest entries first. */
export function readAudit(
  before: string | undefined,
  signal: AbortSignal,
  etag?: string,
): Promise<Outcome<AuditPage>> {
  return request(auditPath(before), { signal, etag });
}

/** The path of a page below the service. */
export function auditPath(before: string | undefined): string {
  return `audit${queryOf({ before })}`;
}

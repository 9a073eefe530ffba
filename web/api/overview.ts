import { type Outcome, request } from "./request.ts";

/** `GET /overview`. Figures that the service cannot have at the moment are null. */
export interface Overview {
  readonly at: string;
  readonly version: string;
  readonly started_at: string;
  readonly ready: boolean;
  readonly problem: string | null;
  readonly read: "keys" | "open" | "until_first_key";
  readonly last_received_at: string | null;
  readonly results: Readonly<Record<string, number>>;
  readonly conflicts: number;
  readonly shed: number;
  readonly queue: { readonly rows: number; readonly age_seconds: number };
  readonly index_backlog_rows: number | null;
  readonly workers: { readonly configured: number; readonly alive: number };
  readonly retention: { readonly days: number | null; readonly last_run_at: string | null };
  readonly database: {
    readonly engine: "sqlite" | "postgres";
    readonly size_bytes: number | null;
    readonly disk_free_bytes: number | null;
    readonly disk_size_bytes: number | null;
  };
  readonly alerts: readonly Alert[];
}

export interface Alert {
  readonly rule: string;
  readonly severity: string;
  readonly since: string;
  readonly summary: string;
  readonly what_to_do: string;
}

export function readOverview(signal: AbortSignal, etag?: string): Promise<Outcome<Overview>> {
  return request("overview", { signal, etag });
}

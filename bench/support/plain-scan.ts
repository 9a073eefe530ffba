import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("plain_scan.py", import.meta.url));
const PYTHON = "python3";

/** A query for `plain_scan.py`. */
export type ScanQuery =
  | {
      readonly kind: "messages";
      readonly from?: string;
      readonly to?: string;
      /** Instants in the form of the service: see `Instant`. */
      readonly since?: string;
      readonly until?: string;
      readonly q?: string;
      /** Instant, id and source of the message before the page. */
      readonly after?: readonly [string, string, string];
      readonly order?: "desc";
      readonly offset?: number;
      readonly limit: number;
    }
  | { readonly kind: "stats" }
  | { readonly kind: "senders"; readonly limit: number }
  | { readonly kind: "timeline"; readonly characters: number };

/** An answer of `plain_scan.py`, in JSON: rows, counts, and instants instead of timestamps. */
export interface ScanAnswer {
  readonly total?: number;
  readonly senders?: number;
  readonly top?: readonly unknown[];
  readonly first?: string | null;
  readonly last?: string | null;
  readonly data?: readonly unknown[];
}

/** The answers to all queries in their order, each found by reading every row. */
export async function plainScan(
  database: string,
  queries: readonly ScanQuery[],
): Promise<readonly ScanAnswer[]> {
  const child = spawn(PYTHON, [SCRIPT], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify({ database, queries: { ...queries } }));
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  if (code !== 0) throw new Error(`plain_scan.py ended with ${code}`);
  const answers = JSON.parse(output) as Readonly<Record<string, ScanAnswer>>;
  return queries.map((_, at) => answers[at] as ScanAnswer);
}

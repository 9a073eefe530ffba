import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { body, getJson, post } from "./service.ts";
import { sql } from "./sql.ts";

type Fate = "ok" | "reject" | "unknown";

interface Entry {
  readonly payload: string;
  readonly hash: string;
  fate: Fate | undefined;
}

export interface Sending {
  readonly forged?: boolean;
  /** The minimum length of the text. */
  readonly textCharacters?: number;
}

/** The result of the check. Everything after `recovered` must be 0. */
export interface Findings {
  readonly attempted: number;
  readonly acked: number;
  /** Unknown to the sender, but stored: allowed. */
  readonly recovered: number;
  /** Acknowledged, but missing. */
  readonly lost: number;
  readonly duplicated: number;
  /** Stored, but never sent. */
  readonly unexpected: number;
  /** Rejected, but stored. */
  readonly phantom: number;
  /** Stored with other content than was sent. */
  readonly corrupted: number;
}

type Row = Readonly<Record<string, unknown>>;

const ROWS = `SELECT message_id, from_msisdn AS "from", to_msisdn AS "to", ts, text FROM messages`;

/** The findings that must all be 0. */
export const CLEAN = { lost: 0, duplicated: 0, unexpected: 0, phantom: 0, corrupted: 0 };

export function faultsIn({
  lost,
  duplicated,
  unexpected,
  phantom,
  corrupted,
}: Findings): typeof CLEAN {
  return { lost, duplicated, unexpected, phantom, corrupted };
}

/** The sender's record: messages are recorded before they are sent, and outcomes afterwards. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  #slowestMs = 0;

  /** The duration of the slowest request, answered or not. */
  get slowestMs(): number {
    return this.#slowestMs;
  }

  /**
   * Sends one message and records its outcome. A forgery has a wrong signature and must be
   * rejected.
   */
  async send(
    url: string,
    id: string,
    { forged = false, textCharacters = 0 }: Sending = {},
  ): Promise<Fate> {
    const text = `message ${id} ${"x".repeat(id.length % 7)}`.padEnd(textCharacters, "漢");
    const payload = body({ message_id: id, text });
    const entry = this.#entries.get(id) ?? {
      payload,
      hash: hashOf(JSON.parse(payload)),
      fate: undefined,
    };
    this.#entries.set(id, entry);
    const startMs = performance.now();
    const fate = await attempt(url, payload, forged);
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startMs);
    // A message that was acknowledged once stays acknowledged.
    if (entry.fate !== "ok") entry.fate = fate;
    return fate;
  }

  /** Records a message that was stored without HTTP, for example by an import. */
  stored(id: string, payload: string): void {
    this.#entries.set(id, { payload, hash: hashOf(JSON.parse(payload)), fate: "ok" });
  }

  /** Compares the record with the rows of the database file. */
  check(databasePath: string): Findings {
    const db = new DatabaseSync(databasePath, { readOnly: true });
    const rows = db.prepare(ROWS).all();
    db.close();
    return this.#compare(rows);
  }

  /** Compares the record with the rows of a PostgreSQL database. */
  async checkPostgres(databaseUrl: string): Promise<Findings> {
    return this.#compare(await sql(databaseUrl, ROWS));
  }

  #compare(rows: readonly Row[]): Findings {
    const stored = new Map<string, string>();
    const findings = {
      attempted: this.#entries.size,
      acked: 0,
      recovered: 0,
      lost: 0,
      duplicated: 0,
      unexpected: 0,
      phantom: 0,
      corrupted: 0,
    };
    for (const row of rows) {
      const id = String(row.message_id);
      if (stored.has(id)) findings.duplicated++;
      if (!this.#entries.has(id)) findings.unexpected++;
      stored.set(id, hashOf(row));
    }
    for (const [id, { hash, fate }] of this.#entries) {
      const found = stored.get(id);
      if (fate === "ok") findings.acked++;
      if (fate === "ok" && found === undefined) findings.lost++;
      if (fate === "reject" && found !== undefined) findings.phantom++;
      if (fate === "unknown" && found !== undefined) findings.recovered++;
      if (found !== undefined && found !== hash) findings.corrupted++;
    }
    return findings;
  }

  /** The ids whose last known outcome is this one. */
  ids(fate: Fate): readonly string[] {
    return [...this.#entries].filter(([, entry]) => entry.fate === fate).map(([id]) => id);
  }
}

/**
 * The ids of all messages from the pages of /messages, and whether totals and statistics agree with
 * their number.
 */
export async function listedIds(
  url: string,
): Promise<{ readonly ids: readonly string[]; readonly agree: boolean }> {
  const ids: string[] = [];
  let page = await getJson(`${url}/messages?limit=100`);
  const { total } = page;
  for (;;) {
    ids.push(...page.data.map((row: { message_id: string }) => row.message_id));
    if (page.next_cursor === null) break;
    page = await getJson(`${url}/messages?limit=100&cursor=${page.next_cursor}`);
  }
  const stats = await getJson(`${url}/stats`);
  return { ids, agree: total === ids.length && stats.total_messages === ids.length };
}

async function attempt(url: string, payload: string, forged: boolean): Promise<Fate> {
  try {
    const { status } = await post(url, payload, forged ? { "x-signature": "0".repeat(64) } : {});
    if (status === 200) return "ok";
    return status < 500 ? "reject" : "unknown";
  } catch {
    return "unknown";
  }
}

function hashOf(fields: Row): string {
  const { message_id, from, to, ts, text } = fields;
  return createHash("sha256")
    .update(JSON.stringify([message_id, from, to, ts, text]))
    .digest("hex");
}

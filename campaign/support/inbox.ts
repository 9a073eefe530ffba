import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { type Findings, Ledger, listedIds } from "../../test/support/ledger.ts";
import { freshDatabase } from "../../test/support/postgres.ts";
import { type LyftrProcess, type RunOptions, runLyftr, serve } from "../../test/support/process.ts";
import { getJson } from "../../test/support/service.ts";
import { sql } from "../../test/support/sql.ts";
import type { RoundContext, RoundResult } from "../fault.ts";

const READY_MS_MAX = 20_000;
const LOOK_EVERY_MS = 20;
/** How many acknowledged messages are sent again: each must be a duplicate. */
const SENT_AGAIN = 100;
const AT_A_TIME = 16;
const SEARCHES = 3;

type Row = Readonly<Record<string, unknown>>;
export type Service = LyftrProcess & { readonly url: string };

/** One service under a fault, its database, and the record of what was sent to it. */
export class Inbox implements AsyncDisposable {
  readonly ledger = new Ledger();
  readonly databaseUrl: string;
  readonly #context: RoundContext;
  readonly #drop: () => Promise<void>;
  #service: Service | undefined;

  /**
   * Creates the database of a round. The service is not started yet. `on` is the URL of the
   * PostgreSQL server to use instead of the shared one.
   */
  static async create(context: RoundContext, on?: string): Promise<Inbox> {
    if (context.database !== "postgres")
      return new Inbox(context, `sqlite:///${join(context.folder, "app.db")}`, async () => {});
    const database = await freshDatabase(on === undefined ? {} : { on });
    return new Inbox(context, database.url, () => database.drop());
  }

  private constructor(context: RoundContext, databaseUrl: string, drop: () => Promise<void>) {
    this.#context = context;
    this.databaseUrl = databaseUrl;
    this.#drop = drop;
  }

  /** The path of the SQLite file. */
  get path(): string {
    return join(this.#context.folder, "app.db");
  }

  get service(): Service {
    if (this.#service === undefined) throw new Error("the service was not started");
    return this.#service;
  }

  get url(): string {
    return this.service.url;
  }

  /** The environment of every command on this database. */
  get env(): Readonly<Record<string, string>> {
    return { ...this.#context.env, DATABASE_URL: this.databaseUrl };
  }

  /**
   * Starts the service and resolves when it can take messages. `command` is what to run instead of
   * this checkout's command.
   */
  async start(
    env: Readonly<Record<string, string>> = {},
    command?: RunOptions["command"],
  ): Promise<Service> {
    const options = { cwd: this.#context.folder, env: { ...this.env, ...env } };
    const service = await serve(command === undefined ? options : { ...options, command });
    this.#service = service;
    await this.ready();
    return service;
  }

  /** Resolves when the service can take messages. */
  async ready(msMax: number = READY_MS_MAX): Promise<void> {
    const deadline = performance.now() + msMax;
    while ((await fetch(`${this.url}/health/ready`)).status !== 200) {
      if (performance.now() > deadline)
        throw new Error(`the service does not become ready within ${msMax} ms`);
      await setTimeout(LOOK_EVERY_MS);
    }
  }

  /** Ends the service with a signal. Resolves with how it ended. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<number | string> {
    this.service.child.kill(signal);
    return this.service.ended;
  }

  /** Runs `lyftr ARGS` on this database. `command` is what to run instead of the command. */
  run(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    command?: RunOptions["command"],
  ): LyftrProcess {
    const options = { cwd: this.#context.folder, env: { ...this.env, ...env } };
    return runLyftr(args, command === undefined ? options : { ...options, command });
  }

  /**
   * The service has recovered: compares everything that it says with the record of the sender.
   * Messages that were deleted on purpose must be removed from the record first.
   */
  async check(): Promise<RoundResult> {
    const broken: string[] = [];
    const findings = await this.findings();
    broken.push(...brokenBy(findings));
    broken.push(...(await this.answersThatDiffer()));
    broken.push(...(await this.#sendAgain(findings)));
    broken.push(...brokenBy(await this.findings()));
    broken.push(...(await this.verify()));
    const { attempted, acked, lost, duplicated, unexpected, phantom, corrupted, recovered } =
      findings;
    return {
      counts: { attempted, acked, lost, duplicated, unexpected, phantom, corrupted, recovered },
      broken,
    };
  }

  /** What `lyftr verify` has found. */
  async verify(): Promise<readonly string[]> {
    const verified = this.run(["verify"]);
    if ((await verified.ended) === 0) return [];
    return [`lyftr verify disagrees: ${verified.stdout()}${verified.stderr()}`];
  }

  /** Compares the rows of the database with the record of the sender. */
  async findings(): Promise<Findings> {
    return this.#context.database === "postgres"
      ? this.ledger.checkPostgres(this.databaseUrl)
      : this.ledger.check(this.path);
  }

  /** Kills the service if it runs. */
  async stop(): Promise<void> {
    await this.#service?.[Symbol.asyncDispose]();
    this.#service = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#drop();
  }

  /** The rows of a statement, read from the database and not through the service. */
  async rows(text: string): Promise<readonly Row[]> {
    if (this.#context.database === "postgres") return sql(this.databaseUrl, text);
    const db = new DatabaseSync(this.path, { readOnly: true });
    try {
      return db.prepare(text).all();
    } finally {
      db.close();
    }
  }

  /** Lists, totals, statistics and searches, each against a plain scan of the rows. */
  async answersThatDiffer(): Promise<readonly string[]> {
    const broken: string[] = [];
    const rows = await this.rows('SELECT message_id, from_msisdn AS "from", text FROM messages');
    const stored = rows.map(({ message_id }) => String(message_id));
    const { ids, agree } = await listedIds(this.url);
    if (!agree) broken.push("totals and statistics do not agree with the pages");
    if (!sameMembers(ids, stored))
      broken.push(`the pages list ${ids.length} messages, the database has ${stored.length}`);
    const perSender = new Map<string, number>();
    for (const { from } of rows)
      perSender.set(String(from), (perSender.get(String(from)) ?? 0) + 1);
    const stats = await getJson(`${this.url}/stats`);
    if (stats.senders_count !== perSender.size)
      broken.push(`${stats.senders_count} senders, the database has ${perSender.size}`);
    for (const { from, count } of stats.messages_per_sender) {
      if (perSender.get(from) !== count)
        broken.push(`${from} sent ${perSender.get(from)} messages, /stats says ${count}`);
    }
    for (let search = 0; search < SEARCHES && stored.length > 0; search++) {
      const q = this.#context.random.of(stored);
      const expected = rows.filter(({ text }) => String(text).includes(q)).length;
      const found = await getJson(`${this.url}/messages?q=${encodeURIComponent(q)}&limit=1`);
      if (found.total !== expected)
        broken.push(`a search finds ${found.total} messages, a scan ${expected}`);
    }
    return broken;
  }

  /** Acknowledged messages must be duplicates, and those without an answer must be accepted. */
  async #sendAgain(before: Findings): Promise<readonly string[]> {
    const acked = this.ledger.ids("ok").slice(-SENT_AGAIN);
    const unknown = this.ledger.ids("unknown");
    let refused = 0;
    const waiting = [...acked, ...unknown];
    const sender = async () => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop())
        if ((await this.ledger.send(this.url, id)) !== "ok") refused++;
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, sender));
    const broken = refused > 0 ? [`${refused} messages are refused when they are sent again`] : [];
    const [row] = await this.rows("SELECT count(*) AS count FROM messages");
    const expected = before.acked - before.lost + unknown.length;
    if (Number(row?.count) !== expected)
      broken.push(`${row?.count} messages after sending again instead of ${expected}`);
    return broken;
  }
}

function brokenBy(findings: Findings): readonly string[] {
  const { lost, duplicated, unexpected, phantom, corrupted } = findings;
  return Object.entries({ lost, duplicated, unexpected, phantom, corrupted })
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} messages are ${name}`);
}

function sameMembers(some: readonly string[], others: readonly string[]): boolean {
  const members = new Set(some);
  return (
    members.size === some.length &&
    some.length === others.length &&
    others.every((one) => members.has(one))
  );
}

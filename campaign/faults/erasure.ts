import { bearer } from "../../test/support/api-keys.ts";
import { diskFaults } from "../../test/support/disk-faults.ts";
import { Load } from "../../test/support/load.ts";
import { body, type getJson, post } from "../../test/support/service.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { indexed } from "../power-cut/fill.ts";
import { admitted } from "../support/admitted.ts";
import { Inbox } from "../support/inbox.ts";

const ADMIN_API_KEY = "an-admin-key-of-32-characters-or-more";
/** A kept response stays fresh during a whole erasure, unless a deletion ends it. */
const SETTINGS = { ADMIN_API_KEY, READ_AUTH: "open", CACHE_TTL_MS: "60000" };
/** With the sender of the load, fewer than the statistics list. */
const PERSONS = { short: 4, long: 8 };
/** Fewer than a page and a step of the deletion have. */
const MESSAGES_OF_PERSON = 80;
const READERS = 4;
const ACCEPTED_BETWEEN = 20;
/** Between the two commits of a deletion in SQLite is one fsync. */
const SYNC_MS_MIN = 10;
const SYNC_MS_MAX = 60;
const ANSWER_MS_MAX = 20_000;
const BROKEN_MAX = 10;

/** People are erased while others send and read. */
export const erasure: Fault = {
  name: "erasure",
  what: "people are erased over HTTP while others read and, every other time, send; fsyncs of SQLite are slow",
  expected:
    "each answer has all messages of the person or none, and none after the erasure; sent again, they stay duplicates",
  databases: ["sqlite", "postgres"],
  rounds: { short: 1, long: 30 },
  controls: ["deletion-half-visible", "cache-outlives-a-deletion"],
  // On PostgreSQL about three of four rounds have a read at the moment that matters.
  controlRounds: 6,
  run: erased,
};

async function erased(context: RoundContext): Promise<RoundResult> {
  const { database, random, isShort } = context;
  await using inbox = await Inbox.create(context);
  // The new file is created while the disk is fast.
  await inbox.run(["migrate"]).ended;
  const slow = { SYNC_MS: random.between(SYNC_MS_MIN, SYNC_MS_MAX) };
  await inbox.start({ ...SETTINGS, ...(database === "sqlite" ? diskFaults(slow) : {}) });
  const persons = Array.from({ length: isShort ? PERSONS.short : PERSONS.long }, personOf);
  for (const person of persons) await sendAll(inbox, person);
  await indexed(inbox);
  const broken: string[] = [];
  let reads = 0;
  for (const [n, person] of persons.entries()) {
    // Each message that is stored ends the kept responses, so every other erasure is without.
    await using load = n % 2 === 0 ? undefined : new Load(inbox.ledger, inbox.url);
    await load?.accepts(ACCEPTED_BETWEEN);
    const reader = new Reader(inbox.url, person);
    await reader.seesAll();
    await erase(inbox, person).catch((error: Error) => reader.broken.push(error.message));
    await reader.seesNothing();
    const again = await admitted(() => post(inbox.url, messageOf(person, 0)), ANSWER_MS_MAX);
    if (again.status !== 200) reader.broken.push(`an erased message gets ${again.status}`);
    await reader.seesNothing();
    await load?.stop();
    reads += reader.reads;
    broken.push(...reader.broken);
  }
  const { counts, broken: found } = await inbox.check();
  return {
    counts: { ...counts, persons: persons.length, reads },
    broken: [...broken.slice(0, BROKEN_MAX), ...found],
  };
}

function personOf(_: unknown, n: number): string {
  return `+1555000${100 + n}`;
}

function messageOf(person: string, n: number): string {
  return body({ message_id: `${person}-${n}`, from: person, text: `from ${person}, ${n}` });
}

async function sendAll({ url }: Inbox, person: string): Promise<void> {
  const all = Array.from({ length: MESSAGES_OF_PERSON }, (_, n) =>
    admitted(() => post(url, messageOf(person, n)), ANSWER_MS_MAX),
  );
  for (const { status } of await Promise.all(all))
    if (status !== 200) throw new Error(`a message of a person got ${status}`);
}

async function erase({ url }: Inbox, number: string): Promise<void> {
  const request = {
    method: "POST",
    headers: bearer(ADMIN_API_KEY),
    body: JSON.stringify({ number }),
  };
  const answer = await admitted(() => fetch(`${url}/erasures`, request), ANSWER_MS_MAX);
  const { messages_deleted } = (await answer.json()) as { readonly messages_deleted?: number };
  if (messages_deleted !== MESSAGES_OF_PERSON)
    throw new Error(`an erasure got ${answer.status}, ${messages_deleted} messages`);
}

/** Reads the messages of a person in several ways, all the time. */
class Reader {
  readonly broken: string[] = [];
  reads = 0;
  readonly #url: string;
  readonly #person: string;
  readonly #stopping = new AbortController();
  #running: readonly Promise<void>[] = [];

  constructor(url: string, person: string) {
    this.#url = url;
    this.#person = person;
  }

  /** Nothing is erased yet. The readers run from then on. */
  async seesAll(): Promise<void> {
    for (const path of this.#lists()) await this.#list(path, [MESSAGES_OF_PERSON]);
    this.#running = Array.from({ length: READERS }, () => this.#run());
  }

  /** Everything is erased. The readers have stopped. */
  async seesNothing(): Promise<void> {
    for (const path of this.#lists()) await this.#list(path, [0]);
    const stats = await this.#read("/stats");
    if (stats?.messages_per_sender.some(({ from }: { from: string }) => from === this.#person))
      this.broken.push("an erased person is in /stats");
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      for (const path of this.#lists()) await this.#list(path, [0, MESSAGES_OF_PERSON]);
      await this.#stats();
    }
  }

  #lists(): readonly string[] {
    const number = encodeURIComponent(this.#person);
    return [`/messages?from=${number}&limit=100`, `/messages?q=${number}&limit=100`];
  }

  async #list(path: string, expected: readonly number[]): Promise<void> {
    const page = await this.#read(path);
    if (page === undefined) return;
    const { data, total } = page;
    if (!expected.includes(total)) this.broken.push(`${path} has ${total} messages`);
    if (data.length !== total)
      this.broken.push(`${path} lists ${data.length} messages and counts ${total}`);
  }

  /** There are fewer senders than are listed, so their messages are all messages. */
  async #stats(): Promise<void> {
    const stats = await this.#read("/stats");
    if (stats === undefined) return;
    const { total_messages, messages_per_sender } = stats;
    let sum = 0;
    for (const { count } of messages_per_sender) sum += count;
    if (sum !== total_messages)
      this.broken.push(`/stats counts ${total_messages} messages, and ${sum} of all senders`);
  }

  /** The answer, or undefined if it is a failure. A read that is refused under load is repeated. */
  async #read(path: string): ReturnType<typeof getJson> {
    const deadlineMs = performance.now() + ANSWER_MS_MAX;
    for (;;) {
      this.reads++;
      const answer = await fetch(this.#url + path);
      const text = await answer.text();
      if (answer.status === 200) return JSON.parse(text);
      // The service may take messages that are half deleted for damage, which is a 503 too.
      const isRefused = answer.status === 503 && !text.includes("damaged");
      if (!isRefused || performance.now() > deadlineMs) {
        this.broken.push(`${path} gets ${answer.status} ${text}`);
        return undefined;
      }
    }
  }
}

import { equal } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { SECRET, type Service } from "./service.ts";

/** How often a service renders its metrics under constant requests; a little longer than that. */
const RENDER_EVERY_MS = 1_100;
const SCRAPE_AGAIN_MS = 100;

/** A message as GET /messages returns it. */
export interface ListedMessage {
  readonly message_id: string;
  readonly from: string;
  readonly to: string;
  readonly ts: string;
  readonly text: string | null;
  readonly created_at: string;
  readonly from_msisdn: string;
  readonly to_msisdn: string;
}

export interface MessagePage {
  readonly data: readonly ListedMessage[];
  readonly total: number;
  readonly limit: number;
  readonly offset: number;
  readonly next_cursor?: string | null;
}

/** One entry of the list in a 422. */
export interface ReportedIssue {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input?: unknown;
  readonly ctx?: Readonly<Record<string, unknown>>;
}

/** What a client sees of an answer. */
export interface Seen {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
}

/** The signature as the contract defines it, computed without the service's own code. */
export function macOf(payload: string | Uint8Array, secret: string = SECRET): string {
  return createHmac("sha256", secret).update(payload).digest("hex");
}

/** Status, type and bytes of an answer, to be compared as a whole. */
export async function seen(response: Promise<Response>): Promise<Seen> {
  const answer = await response;
  return {
    status: answer.status,
    type: answer.headers.get("content-type"),
    text: await answer.text(),
  };
}

/** A plain JSON answer of the service, in the form of `seen`. */
export function json(status: number, value: unknown): Seen {
  return { status, type: "application/json", text: JSON.stringify(value) };
}

/** One page of GET /messages, which must be a 200. `query` starts with `?` or is empty. */
export async function listMessages(service: Service, query = ""): Promise<MessagePage> {
  const response = await fetch(`${service.url}/messages${query}`);
  const text = await response.text();
  equal(response.status, 200, `${query} ${text}`);
  return JSON.parse(text) as MessagePage;
}

/** The number of stored messages. */
export async function storedTotal(service: Service): Promise<number> {
  return (await listMessages(service, "?limit=1")).total;
}

/** The last text of each address. */
const scraped = new Map<string, string>();

/**
 * The current metrics. Under frequent requests a service renders them once a second and repeats the
 * text until then. A test that asks right after an event would get the text from before it. So a
 * text that was seen before is not accepted.
 */
export async function scrape(
  { url }: Pick<Service, "url">,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const startMs = performance.now();
  for (;;) {
    const askedMs = performance.now();
    const response = await fetch(`${url}/metrics`, { headers });
    equal(response.status, 200);
    const text = await response.text();
    if (text !== scraped.get(url) || askedMs - startMs > RENDER_EVERY_MS) {
      scraped.set(url, text);
      return text;
    }
    await setTimeout(SCRAPE_AGAIN_MS);
  }
}

/** The value of every series of an exposition, by name and labels as written. */
export function series(exposition: string): ReadonlyMap<string, number> {
  const samples = exposition.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    samples.map((line) => [
      line.slice(0, line.lastIndexOf(" ")),
      Number(line.slice(line.lastIndexOf(" ") + 1)),
    ]),
  );
}

/** The labels of one series, parsed. */
export function labelsOf(name: string): Readonly<Record<string, string>> {
  const pairs = name.matchAll(/([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"/g);
  return Object.fromEntries(Array.from(pairs, ([, label, value]) => [label, value]));
}

/** The list of a 422. */
export function issuesOf(text: string): readonly ReportedIssue[] {
  const { detail } = JSON.parse(text) as { detail: readonly ReportedIssue[] };
  return detail;
}

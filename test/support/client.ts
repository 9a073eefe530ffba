import { equal } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { SECRET, type Service } from "./service.ts";

/** A message as GET /messages tells it. */
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

/** Status, type and bytes of an answer, to be compared whole. */
export async function seen(response: Promise<Response>): Promise<Seen> {
  const answer = await response;
  return { status: answer.status, type: answer.headers.get("content-type"), text: await answer.text() };
}

/** A plain JSON answer of the service, as `seen` gives it. */
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

/** How many messages are stored. */
export async function storedTotal(service: Service): Promise<number> {
  return (await listMessages(service, "?limit=1")).total;
}

export async function scrape(service: Service): Promise<string> {
  const response = await fetch(`${service.url}/metrics`);
  equal(response.status, 200);
  return response.text();
}

/** The value of every series of an exposition, by name and labels as they are spelt. */
export function series(exposition: string): ReadonlyMap<string, number> {
  const samples = exposition.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    samples.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
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

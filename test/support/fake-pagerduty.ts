import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout } from "node:timers/promises";

/**
 * What it does with events: accepts them, refuses them, or does not answer and keeps the
 * connection.
 */
export type PagerDutyAnswer = 202 | 400 | 429 | 500 | "hang";

/** The fields of an event of the Events API v2 that are tested here. */
export interface PagerDutyEvent {
  readonly routing_key: string;
  readonly event_action: "trigger" | "acknowledge" | "resolve";
  readonly dedup_key: string;
  readonly payload?: {
    readonly summary: string;
    readonly source: string;
    readonly severity: string;
    readonly timestamp?: string;
    readonly custom_details?: Readonly<Record<string, unknown>>;
  };
  readonly links?: readonly { readonly href: string; readonly text?: string }[];
}

/** A received event, whatever the answer was. */
export interface ReceivedEvent {
  /** By the wall clock. */
  readonly atMs: number;
  readonly event: PagerDutyEvent;
  readonly answered: PagerDutyAnswer;
}

/** A page. An open incident takes further triggers of its key without another page. */
export interface Incident {
  readonly dedupKey: string;
  readonly summary: string;
  readonly openedAtMs: number;
  readonly triggers: number;
  /** Undefined while it is open. */
  readonly resolvedAtMs: number | undefined;
}

/** A small PagerDuty: accepts events like its Events API v2, and turns them into incidents. */
export interface FakePagerDuty extends AsyncDisposable {
  /** The URL for events. */
  readonly url: string;
  /** Everything received, in order. */
  readonly received: readonly ReceivedEvent[];
  /** All incidents, in the order in which they were opened. */
  incidents(): readonly Incident[];
  /** The open ones. */
  open(): readonly Incident[];
  /** From now on. It accepts events at first. */
  answer(how: PagerDutyAnswer): void;
  /** Resolves when the condition holds, checking repeatedly; rejects after `msMax`. */
  until(holds: () => boolean, msMax: number): Promise<void>;
}

const ANSWERS = {
  202: { status: "success", message: "Event processed" },
  400: { status: "invalid event", message: "Event object is invalid", errors: ["told to refuse"] },
  429: {
    status: "throttle exceeded",
    message: "Requests for this service are arriving too quickly.",
  },
  500: { status: "error", message: "Internal Server Error" },
} as const;
const LOOK_EVERY_MS = 20;
const BODY_BYTES_MAX = 512 * 1_024;

export async function fakePagerDuty(): Promise<FakePagerDuty> {
  const received: ReceivedEvent[] = [];
  let how: PagerDutyAnswer = 202;
  const server = createServer(async (request, response) => {
    const event = await jsonOf(request);
    const errors =
      request.method === "POST" && request.url === "/v2/enqueue"
        ? problemsOf(event)
        : ["not found"];
    const answered = errors.length > 0 ? 400 : how;
    received.push({ atMs: Date.now(), event: event as PagerDutyEvent, answered });
    if (answered === "hang") return;
    send(response, answered, { ...ANSWERS[answered], ...(errors.length > 0 && { errors }) });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  return {
    url: `http://127.0.0.1:${port}/v2/enqueue`,
    received,
    incidents: () => incidentsOf(received),
    open: () => incidentsOf(received).filter(({ resolvedAtMs }) => resolvedAtMs === undefined),
    answer: (next) => {
      how = next;
    },
    until: async (holds, msMax) => {
      const deadlineMs = performance.now() + msMax;
      while (!holds()) {
        if (performance.now() > deadlineMs)
          throw new Error(
            `not within ${msMax} ms; received:\n${JSON.stringify(received, undefined, 1)}`,
          );
        await setTimeout(LOOK_EVERY_MS);
      }
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/**
 * A trigger opens an incident unless one of its key is open; a resolve ends it. Events that were
 * not accepted change nothing.
 */
function incidentsOf(received: readonly ReceivedEvent[]): readonly Incident[] {
  const all: Incident[] = [];
  for (const { atMs, event, answered } of received) {
    if (answered !== 202) continue;
    const { dedup_key: dedupKey, payload } = event;
    const at = all.findLastIndex(
      (one) => one.dedupKey === dedupKey && one.resolvedAtMs === undefined,
    );
    const open = all[at];
    if (event.event_action === "trigger" && open === undefined)
      all.push({
        dedupKey,
        summary: payload?.summary ?? "",
        openedAtMs: atMs,
        triggers: 1,
        resolvedAtMs: undefined,
      });
    else if (event.event_action === "trigger" && open !== undefined)
      all[at] = { ...open, triggers: open.triggers + 1 };
    else if (event.event_action === "resolve" && open !== undefined)
      all[at] = { ...open, resolvedAtMs: atMs };
  }
  return all;
}

const ACTIONS = ["trigger", "acknowledge", "resolve"];
const SEVERITIES = ["critical", "error", "warning", "info"];
const ROUTING_KEY_CHARACTERS = 32;
const DEDUP_KEY_CHARACTERS_MAX = 255;
const SUMMARY_CHARACTERS_MAX = 1_024;

/** Why PagerDuty would refuse an event. */
function problemsOf(event: unknown): readonly string[] {
  if (typeof event !== "object" || event === null) return ["'event' is not an object"];
  const { routing_key, event_action, dedup_key, payload } = event as Partial<PagerDutyEvent>;
  const problems: string[] = [];
  if (routing_key?.length !== ROUTING_KEY_CHARACTERS)
    problems.push("Length of 'routing_key' is incorrect");
  if (!ACTIONS.includes(event_action ?? "")) problems.push("'event_action' is invalid");
  if (
    typeof dedup_key !== "string" ||
    dedup_key === "" ||
    dedup_key.length > DEDUP_KEY_CHARACTERS_MAX
  )
    problems.push("'dedup_key' is missing or too long");
  if (event_action !== "trigger") return problems;
  const { summary = "", source = "", severity = "", timestamp } = payload ?? {};
  if (summary === "" || summary.length > SUMMARY_CHARACTERS_MAX)
    problems.push("'payload.summary' is missing or too long");
  if (source === "") problems.push("'payload.source' is missing or blank");
  if (!SEVERITIES.includes(severity)) problems.push("'payload.severity' is invalid");
  if (timestamp !== undefined && Number.isNaN(Date.parse(timestamp)))
    problems.push("'payload.timestamp' is invalid");
  return problems;
}

/** Undefined when it is not JSON, too long, or cut off. */
async function jsonOf(request: IncomingMessage): Promise<unknown> {
  let text = "";
  try {
    for await (const piece of request.setEncoding("utf8")) {
      text += piece;
      if (text.length > BODY_BYTES_MAX) return undefined;
    }
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

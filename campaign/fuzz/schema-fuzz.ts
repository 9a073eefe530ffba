import { logLines } from "../../test/support/process.ts";
import type { getJson, LogLine } from "../../test/support/service.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import { Api } from "./schema/api.ts";
import { type ApiRequest, requestOf } from "./schema/requests.ts";
import { PipelinedConnection, type WireAnswer } from "./wire.ts";

const REQUESTS = { short: 4_000, long: 40_000 };
const CONNECTIONS = 8;
const BROKEN_MAX = 20;
const ADMIN_API_KEY = "an-admin-key-of-32-characters-or-more";
const MASTER_KEY = "a master key of thirty-two characters";
const SETTINGS = { ADMIN_API_KEY, MASTER_KEY, RATE_LIMIT_FAILED_AUTH: "off" };
/** Lists of messages, which two equal requests without a write between them must agree on. */
const REPEATABLE = [
  "/messages",
  "/messages/{message_id}",
  "/messages/export",
  "/stats",
  "/senders",
];

/** Requests that are made from the service's own OpenAPI document. */
export const schemaFuzz: Fault = {
  name: "schema-fuzz",
  what: "every operation of /openapi.json, with parameters and bodies that are valid, nearly valid or invalid",
  expected:
    "no 5xx, only documented statuses, bodies that match their schemas, and the same answer for the same read",
  databases: ["sqlite", "postgres"],
  rounds: { short: 1, long: 10 },
  controls: ["failure-on-a-number", "undocumented-status"],
  run: fuzzed,
};

async function fuzzed(context: RoundContext): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const { url, stdout } = await inbox.start(SETTINGS);
  const api = new Api(await getDocument(url));
  const goal = REQUESTS[context.isShort ? "short" : "long"];
  const round = new Round(context, api, Number(new URL(url).port));
  await round.run(goal, false);
  await round.run(goal / 4, true);
  const failed = logLines(stdout()).filter(isFailure);
  const broken = [...round.broken, ...failed.map((line) => JSON.stringify(line))];
  const { requests, refused, shed, repeated } = round;
  return { counts: { requests, refused, shed, repeated }, broken: broken.slice(0, BROKEN_MAX) };
}

function isFailure({ status }: LogLine): boolean {
  return Number(status) >= 500 && status !== 503;
}

async function getDocument(url: string) {
  const headers = { authorization: `Bearer ${ADMIN_API_KEY}` };
  return (await fetch(`${url}/openapi.json`, { headers })).json() as ReturnType<typeof getJson>;
}

class Round {
  readonly #context: RoundContext;
  readonly #api: Api;
  readonly #port: number;
  readonly broken: string[] = [];
  requests = 0;
  refused = 0;
  shed = 0;
  repeated = 0;

  constructor(context: RoundContext, api: Api, port: number) {
    this.#context = context;
    this.#api = api;
    this.#port = port;
  }

  /** `readsOnly` sends reads only, each of them twice. */
  async run(count: number, readsOnly: boolean): Promise<void> {
    const goal = this.requests + count;
    const operations = this.#api.operations.filter(
      ({ method, path }) => !readsOnly || (method === "GET" && REPEATABLE.includes(path)),
    );
    const { random } = this.#context;
    const client = async () => {
      let connection = new PipelinedConnection(this.#port);
      while (this.requests < goal && this.broken.length < BROKEN_MAX) {
        if (!connection.isOpen) connection = new PipelinedConnection(this.#port);
        const request = requestOf(random.of(operations), { random, adminKey: ADMIN_API_KEY });
        const answer = await this.#ask(connection, request);
        if (readsOnly && answer !== undefined) await this.#askAgain(connection, request, answer);
      }
      connection.close();
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, client));
  }

  async #ask(
    connection: PipelinedConnection,
    { operation, bytes, target }: ApiRequest,
  ): Promise<WireAnswer | undefined> {
    this.requests++;
    const answer = await connection.send(bytes);
    const problem =
      answer === undefined
        ? (connection.failure?.message ?? "no answer")
        : this.#api.problemOf(operation, answer);
    if (problem !== undefined)
      this.broken.push(`${operation.method} ${target}: ${problem}`.slice(0, 500));
    if (answer !== undefined && answer.status >= 400 && answer.status < 500) this.refused++;
    if (answer?.status === 503) this.shed++;
    return answer;
  }

  async #askAgain(
    connection: PipelinedConnection,
    request: ApiRequest,
    first: WireAnswer,
  ): Promise<void> {
    if (!connection.isOpen) return;
    const second = await this.#ask(connection, request);
    if (second === undefined || second.status === 503 || first.status === 503) return;
    this.repeated++;
    if (second.status !== first.status || !second.body.equals(first.body))
      this.broken.push(
        `${request.target} differs: ${first.body} then ${second.body}`.slice(0, 500),
      );
  }
}

import { sign } from "../../src/providers/signature.ts";
import { getJson } from "../../test/support/service.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { addCounts } from "../results.ts";
import { Inbox } from "../support/inbox.ts";
import { inProcess } from "./in-process.ts";
import { forge, randomBody } from "./signatures/forgeries.ts";
import { PipelinedConnection } from "./wire.ts";

const IN_PROCESS = { short: 400_000, long: 1_000_000 };
const OVER_HTTP = { short: 5_000, long: 20_000 };
const CONNECTIONS = 4;
/** Requests of one connection that wait for their answers at the same time. */
const PIPELINED = 16;
const BROKEN_MAX = 20;
const SECRET = "testsecret";

/** Signatures that are nearly right, for the verification itself and for the service. */
export const forgedSignatures: Fault = {
  name: "forged-signatures",
  what: "forged webhooks: other bodies, keys, algorithms, spellings and digits; most of them directly to the verification, some over HTTP",
  expected: "each is refused, and nothing is stored",
  databases: ["sqlite"],
  rounds: { short: 1, long: 10 },
  controls: [
    "signature-by-its-beginning",
    "signature-of-any-length",
    "body-in-any-case",
    "expired-secret-accepted",
  ],
  run: forged,
};

async function forged(context: RoundContext): Promise<RoundResult> {
  const size = context.isShort ? "short" : "long";
  const name = "forged-signatures";
  const direct = await inProcess(context, name, IN_PROCESS[size]);
  const served = await overHttp(context, OVER_HTTP[size]);
  return { counts: addCounts([direct, served]), broken: [...direct.broken, ...served.broken] };
}

async function overHttp(context: RoundContext, count: number): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const { url } = await inbox.start({ RATE_LIMIT_FAILED_AUTH: "off" });
  const broken: string[] = [];
  const tried = { requests: 0, refused: 0 };
  const sender = async () => {
    const connection = new Connection(Number(new URL(url).port));
    while (tried.requests < count && broken.length < BROKEN_MAX) {
      const known = genuine(context, tried.requests);
      const forgeries = Array.from({ length: PIPELINED }, () => headerForgery(known));
      tried.requests += PIPELINED;
      const answers = forgeries.map(async ({ trick, bytes }) => {
        const status = await connection.statusOf(bytes);
        if (status === 401) tried.refused++;
        else broken.push(`${status} over HTTP, ${trick}`);
      });
      await Promise.all(answers);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sender));
  const { total } = await getJson(`${url}/messages?limit=1`);
  if (total !== 0) broken.push(`${total} forged messages are stored`);
  return { counts: tried, broken: broken.slice(0, BROKEN_MAX) };
}

function genuine({ random }: RoundContext, n: number) {
  const body = randomBody(random, `forged ${n}`);
  return { body, signature: sign(SECRET, body), random };
}

/**
 * A forgery that fits into a header. Blanks around the value of a header do not belong to it, so
 * a signature that only has them is not forged.
 */
function headerForgery(known: ReturnType<typeof genuine>): { trick: string; bytes: Buffer } {
  for (;;) {
    const forgery = forge(known);
    if (forgery === undefined) continue;
    const { trick, body, signature } = forgery;
    if (signature !== undefined && typeof signature !== "string") continue;
    const value = signature?.replace(/^[ \t]+|[ \t]+$/g, "");
    if (value !== undefined && !/^[\x20-\x7e\x80-\xff]*$/.test(value)) continue;
    if (body.equals(known.body) && value?.toLowerCase() === known.signature) continue;
    const signed = value === undefined ? "" : `X-Signature: ${value}\r\n`;
    const head = `POST /webhook HTTP/1.1\r\nHost: x\r\n${signed}Content-Length: ${body.length}\r\n\r\n`;
    return { trick, bytes: Buffer.concat([Buffer.from(head, "latin1"), body]) };
  }
}

/** A connection that is opened again after the service has closed it. */
class Connection {
  readonly #port: number;
  #current: PipelinedConnection;

  constructor(port: number) {
    this.#port = port;
    this.#current = new PipelinedConnection(port);
  }

  async statusOf(bytes: Buffer): Promise<number | string> {
    if (!this.#current.isOpen) this.#current = new PipelinedConnection(this.#port);
    const connection = this.#current;
    const answer = await connection.send(bytes);
    return answer?.status ?? connection.failure?.message ?? "no answer";
  }

  close(): void {
    this.#current.close();
  }
}

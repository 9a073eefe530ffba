import { logLines } from "../../test/support/process.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import { Conversation, type Seen } from "./socket/conversation.ts";

const REQUESTS = { short: 15_000, long: 200_000 };
const AT_A_TIME = 16;
const BROKEN_MAX = 20;
const CHECKED_EVERY = 200;

/** Bytes on sockets: sound and broken requests, in any order, cut anywhere. */
export const socketFuzz: Fault = {
  name: "socket-fuzz",
  what: "connections with sound, unusual, ambiguous and broken requests, pipelined and cut anywhere, some of them reset or half closed",
  expected:
    "each sound request has its own answer, none is a 5xx except load shedding, no connection stays open, and nothing unsigned is stored",
  databases: ["sqlite"],
  rounds: { short: 1, long: 12 },
  controls: ["crash-on-an-escape", "failure-on-a-number", "executed-after-ambiguity"],
  run: fuzzed,
};

async function fuzzed(context: RoundContext): Promise<RoundResult> {
  await using inbox = await Inbox.create(context);
  const service = await inbox.start({ RATE_LIMIT_FAILED_AUTH: "off" });
  const port = Number(new URL(service.url).port);
  const goal = REQUESTS[context.isShort ? "short" : "long"];
  const seen: Seen = {
    requests: 0,
    refused: 0,
    shed: 0,
    connections: 0,
    broken: [],
    acked: new Set(),
    signed: new Set(),
  };
  const client = async () => {
    while (seen.requests < goal && seen.broken.length < BROKEN_MAX) {
      const name = `c${seen.connections}`;
      await new Conversation(name, context.random, seen).run(port);
      if (service.child.exitCode !== null) seen.broken.push("the service ended");
      else if (seen.connections % CHECKED_EVERY === 0) await checkLive(service.url, seen);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, client));
  const broken = [...seen.broken, ...(await wronglyStored(inbox, seen)), ...wrongLines(service)];
  const { requests, refused, shed, connections, acked } = seen;
  return {
    counts: { requests, refused, shed, connections, acked: acked.size },
    broken: broken.slice(0, BROKEN_MAX),
  };
}

async function checkLive(url: string, { broken }: Seen): Promise<void> {
  const status = await fetch(`${url}/health/live`).then(
    (answer) => answer.status,
    (error: Error) => error.message,
  );
  if (status !== 200) broken.push(`/health/live answers ${status}`);
}

async function wronglyStored(inbox: Inbox, { acked, signed }: Seen): Promise<readonly string[]> {
  const rows = await inbox.rows("SELECT message_id FROM messages");
  const stored = new Set(rows.map(({ message_id }) => String(message_id)));
  const lost = [...acked].filter((id) => !stored.has(id));
  const unsigned = [...stored].filter((id) => !signed.has(id));
  return [
    ...lost.map((id) => `${id} is acknowledged and not stored`),
    ...unsigned.map((id) => `${id} is stored, and its request was not sound`),
  ];
}

/** Log lines of failures, and anything that is not a log line. */
function wrongLines(service: Inbox["service"]): readonly string[] {
  const failed = logLines(service.stdout()).filter(
    ({ status, level }) => (Number(status) >= 500 && status !== 503) || level === "fatal",
  );
  // A changed checkout is built at the start of the service.
  const told = service.stderr().replace(/^(?:Building Lyftr|Built in ).*\n/gm, "");
  const complaints = told === "" ? [] : [`on standard error: ${told}`];
  return [...failed.map((line) => JSON.stringify(line)), ...complaints];
}

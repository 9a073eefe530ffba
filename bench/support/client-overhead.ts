import { createHmac } from "node:crypto";
import { LyftrClient, type Message } from "../../client/client.ts";
import { expectWithin } from "./checks.ts";
import { messageBody, SECRET } from "./messages.ts";
import { totalMessages } from "./metrics.ts";
import { startBareHttp } from "./target.ts";

export interface OverheadOptions {
  readonly rounds: number;
  /** Of each kind in each round. */
  readonly requests: number;
  /** Messages under way at once. */
  readonly lanes: number;
}

export interface Cost {
  /** For each round: the time, and the CPU time of this process, of a message. */
  readonly micros: number[];
  readonly cpuMicros: number[];
}

/**
 * Compares the client with hand-written code: JSON, HMAC, fetch(), and the text of the answer. They
 * alternate and use the same server, which only checks the signature. The first round of each is a
 * warm-up.
 */
export async function clientOverhead(
  options: OverheadOptions,
): Promise<{ readonly bare: Cost; readonly client: Cost }> {
  const { rounds, requests, lanes } = options;
  await using target = await startBareHttp();
  const lyftr = new LyftrClient({ url: target.url, secret: SECRET, concurrency: lanes });
  const kinds = {
    bare: (message: Message) => bareFetch(`${target.url}/webhook`, message),
    client: (message: Message) => lyftr.send(message),
  };
  const costs = { bare: emptyCost(), client: emptyCost() };
  for (let round = 0; round <= rounds; round++) {
    for (const kind of ["bare", "client"] as const) {
      const { micros, cpuMicros } = await timed(kinds[kind], requests, lanes);
      if (round === 0) continue;
      costs[kind].micros.push(micros);
      costs[kind].cpuMicros.push(cpuMicros);
    }
  }
  const all = 2 * (rounds + 1) * requests;
  expectWithin("messages accepted", await totalMessages(target.url), all, all);
  return costs;
}

const emptyCost = (): Cost => ({ micros: [], cpuMicros: [] });

async function timed(
  send: (message: Message) => Promise<unknown>,
  requests: number,
  lanes: number,
) {
  const messages = Array.from(
    { length: requests },
    (_, at) => JSON.parse(messageBody("cost", at)) as Message,
  );
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  let next = 0;
  const lane = async () => {
    for (let message = messages[next++]; message !== undefined; message = messages[next++])
      await send(message);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const { user, system } = process.cpuUsage(cpu);
  return {
    micros: (1_000 * (performance.now() - startMs)) / requests,
    cpuMicros: (user + system) / requests,
  };
}

async function bareFetch(url: string, message: Message): Promise<void> {
  const body = JSON.stringify(message);
  const signature = createHmac("sha256", SECRET).update(body).digest("hex");
  const headers = { "content-type": "application/json", "x-signature": signature };
  const response = await fetch(url, { method: "POST", headers, body });
  if (response.status !== 200) throw new Error(`${response.status}`);
  JSON.parse(await response.text());
}

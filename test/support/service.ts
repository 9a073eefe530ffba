import { EventEmitter, once } from "node:events";
import { startApp } from "../../src/app.ts";
import { readConfig, settingsOf } from "../../src/config.ts";
import { sign } from "../../src/providers/signature.ts";
import { testedDatabase } from "./tested-store.ts";

export const SECRET = "testsecret";

export type LogLine = Readonly<Record<string, unknown>>;

/** The whole service in this process, on its own database. */
export interface Service {
  readonly url: string;
  readonly port: number;
  readonly databaseUrl: string;
  /** Every log line so far, parsed. */
  readonly lines: readonly LogLine[];
  /** Resolves with the first line, past or future, that matches. */
  line(fits: (line: LogLine) => boolean): Promise<LogLine>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the service; `env` adds to WEBHOOK_SECRET=testsecret, a free port and a new database. */
export async function startService(env: Readonly<Record<string, string>> = {}): Promise<Service> {
  await using scope = new AsyncDisposableStack();
  const databaseUrl = env.DATABASE_URL ?? scope.use(await testedDatabase()).url;
  const outside = {
    WEBHOOK_SECRET: SECRET,
    HOST: "127.0.0.1",
    PORT: "0",
    ...env,
    DATABASE_URL: databaseUrl,
  };
  const config = readConfig(outside);
  const settings = settingsOf(config, { env: outside, outside });
  const lines: LogLine[] = [];
  const arrivals = new EventEmitter().setMaxListeners(0);
  const write = (text: string) => {
    lines.push(JSON.parse(text));
    arrivals.emit("line");
  };
  const app = await startApp(config, { write, dropped: () => 0 }, { settings });
  scope.defer(() => app.close());
  const resources = scope.move();
  return {
    url: app.url,
    port: Number(new URL(app.url).port),
    databaseUrl,
    lines,
    line: async (fits) => {
      for (;;) {
        const found = lines.find(fits);
        if (found !== undefined) return found;
        await once(arrivals, "line", { signal: AbortSignal.timeout(20_000) });
      }
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** A valid body; `fields` replace or add to it. */
export function body(fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    message_id: "m1",
    from: "+919876543210",
    to: "+14155550100",
    ts: "2025-01-15T10:00:00Z",
    text: "Hello",
    ...fields,
  });
}

/** Posts bytes with the signature they need, unless `headers` say otherwise. */
export function post(
  url: string,
  payload: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const signature = sign(SECRET, Buffer.from(payload as string));
  return fetch(`${url}/webhook`, {
    method: "POST",
    body: payload,
    headers: { "content-type": "application/json", "x-signature": signature, ...headers },
  });
}

/** The JSON of a GET, untyped: tests assert its form. */
// biome-ignore lint/suspicious/noExplicitAny: every test looks into it differently
export async function getJson(url: string): Promise<any> {
  return (await fetch(url)).json();
}

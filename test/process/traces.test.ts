import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { scrape, series } from "../support/client.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { type LyftrProcess, logLines, serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";

const folder = () => mkdtempSync(join(tmpdir(), "lyftr-traces-"));
/** New connections are given to the workers in turn. */
const ALONE = { connection: "close" };
/** Nothing is sent before the end. */
const LATE = { OTEL_BSP_SCHEDULE_DELAY: "600000" };
const LOST = "spans of traces are lost";

/**
 * Prints on standard error which modules of OpenTelemetry a process and its threads load. Its
 * interface, `api`, is always loaded: the metrics package asks it for the trace of an exemplar.
 */
const TELL_MODULES = `
import { registerHooks } from "node:module";
const tell = (url) => { if (/@opentelemetry\\/(?!api\\/)/.test(url)) process._rawDebug("LOADED " + url); };
registerHooks({ load: (url, context, next) => { tell(url); return next(url, context); } });
`;

function loadedBy(lyftr: LyftrProcess): number {
  return lyftr
    .stderr()
    .split("\n")
    .filter((line) => line.startsWith("LOADED ")).length;
}

/** Ends it with SIGTERM; resolves with the exit code and the time that took. */
async function ended(
  lyftr: LyftrProcess,
): Promise<{ readonly code: number | string; readonly ms: number }> {
  const startMs = performance.now();
  lyftr.child.kill("SIGTERM");
  const code = await lyftr.ended;
  return { code, ms: performance.now() - startMs };
}

async function send(
  url: string,
  count: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: count }, (_, at) => post(url, body({ message_id: `m${at}` }), headers)),
  );
  deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
}

test("OpenTelemetry's SDK is not loaded and no trace is made without an endpoint, or when it is switched off", async () => {
  const cwd = folder();
  writeFileSync(join(cwd, "tell.mjs"), TELL_MODULES);
  const NODE_OPTIONS = `--import=${join(cwd, "tell.mjs")}`;
  await using receiver = await startOtlpReceiver();
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
  const settings: readonly (readonly [loads: boolean, env: Readonly<Record<string, string>>])[] = [
    [false, {}],
    [false, { ...endpoint, OTEL_SDK_DISABLED: "TRUE" }],
    [false, { ...endpoint, OTEL_TRACES_EXPORTER: "none" }],
    [true, endpoint],
    [true, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces` }],
  ];
  for (const [loads, env] of settings) {
    await using lyftr = await serve({ cwd, env: { NODE_OPTIONS, ...env } });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const response = await post(lyftr.url, body(), { traceparent });
    equal(response.headers.has("traceparent"), loads);
    const line = await lyftr.line(({ path }) => path === "/webhook");
    deepEqual(["trace_id" in line, "span_id" in line], [loads, loads]);
    equal((await ended(lyftr)).code, 0);
    equal(loadedBy(lyftr) > 0, loads, JSON.stringify(env));
  }
  equal(receiver.requests.length, 2);
});

test("unsent spans are sent at the end of the process, and settings of a .env file count", async () => {
  await using receiver = await startOtlpReceiver();
  const cwd = folder();
  const settings = [
    `OTEL_EXPORTER_OTLP_ENDPOINT=${receiver.url}/`,
    "OTEL_SERVICE_NAME=from-a-file",
  ];
  writeFileSync(join(cwd, ".env"), settings.join("\n"));
  await using lyftr = await serve({ cwd, env: { ...LATE, OTEL_TRACES_SAMPLER: "unknown" } });
  await send(lyftr.url, 10);
  equal(receiver.requests.length, 0);
  const { code } = await ended(lyftr);
  equal(code, 0);
  equal(receiver.spans().filter(({ kind }) => kind === 2).length, 10);
  equal(receiver.spans()[0]?.resource["service.name"], "from-a-file");
  const ignored = logLines(lyftr.stdout()).filter(
    ({ msg }) => msg === "a setting of OpenTelemetry is ignored",
  );
  deepEqual(
    ignored.map(({ level }) => level),
    ["WARNING"],
  );
  equal(lyftr.stderr(), "");
});

/** Useless collectors, by what is wrong with them. */
const BAD_COLLECTORS = {
  "without a listener": "away",
  "that hangs": "hang",
  "that fails": 500,
  "whose answer has no end": "endless",
} as const;

for (const [what, behaviour] of Object.entries(BAD_COLLECTORS)) {
  test(`a collector ${what} fails no request, is logged once, and delays the end by two seconds at most`, async () => {
    await using receiver = await startOtlpReceiver(behaviour === "away" ? "take" : behaviour);
    if (behaviour === "away") await receiver[Symbol.asyncDispose]();
    await using lyftr = await serve({
      cwd: folder(),
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_BSP_SCHEDULE_DELAY: "10",
        OTEL_EXPORTER_OTLP_TIMEOUT: "300",
        OTEL_BSP_MAX_QUEUE_SIZE: "50",
      },
    });
    for (let round = 0; round < 5; round++) await send(lyftr.url, 40);
    if (behaviour !== "endless") await lyftr.line(({ msg }) => msg === LOST);
    await send(lyftr.url, 40);
    const counts = series(await scrape(lyftr));
    const counted = ["sent", "failed", "dropped"].map(
      (result) => counts.get(`trace_spans_total{result="${result}"}`) ?? 0,
    );
    ok(counted.reduce((sum, count) => sum + count, 0) > 0, counted.join());
    const { code, ms } = await ended(lyftr);
    equal(code, 0);
    // Two for the spans; the rest is for the database, on a busy machine.
    ok(ms < 5_000, `${ms} ms`);
    const lines = logLines(lyftr.stdout());
    const told = lines.filter(({ msg }) => msg === LOST);
    ok(told.length <= 1 && told.every(({ level }) => level === "WARNING"), JSON.stringify(told));
    ok(lines.every(({ level }) => level !== "CRITICAL" && level !== "ERROR"));
    equal(lyftr.stderr(), "");
  });
}

test("a collector that hangs is given up two seconds after the end begins, whatever its time limit", async () => {
  await using receiver = await startOtlpReceiver("hang");
  await using lyftr = await serve({
    cwd: folder(),
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...LATE },
  });
  await send(lyftr.url, 10);
  const { code, ms } = await ended(lyftr);
  equal(code, 0);
  ok(ms >= 1_900 && ms < 5_000, `${ms} ms`);
});

test("each of several workers makes traces, and their counts are summed", {
  skip: unlessPostgres(),
}, async () => {
  await using receiver = await startOtlpReceiver();
  await using database = await freshDatabase();
  await using lyftr = await serve({
    cwd: folder(),
    env: {
      DATABASE_URL: database.url,
      WORKERS: "2",
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_BSP_SCHEDULE_DELAY: "20",
    },
  });
  await send(lyftr.url, 20, ALONE);
  const spans = await receiver.until((some) => some.filter(({ kind }) => kind === 2).length === 20);
  const workers = new Set(
    spans.map(({ resource }) => `${resource["lyftr.worker"]} ${resource["service.instance.id"]}`),
  );
  equal(workers.size, 2);
  // They are counted when the receiver has answered.
  const sent = async () =>
    series(await scrape(lyftr, ALONE)).get(`trace_spans_total{result="sent"}`) ?? 0;
  for (const deadline = AbortSignal.timeout(10_000); (await sent()) < 80; )
    deadline.throwIfAborted();
  equal((await ended(lyftr)).code, 0);
});

import { type App, startApp } from "../../app.ts";
import { systemClock, within } from "../../domain/clock.ts";
import { killProcess } from "../../domain/kill-process.ts";
import { Stdout } from "../../observe/stdout.ts";
import { explain } from "../failures.ts";
import { untilBroken, untilFault } from "../lifecycle.ts";
import { type SampleOrder, type ServeOrder, SupervisorLink } from "./supervisor-link.ts";

const COUNTS_EVERY_MS = 1_000;
const LISTENING_MS_MAX = 500;
/**
 * The time beyond the drain time. The supervisor kills a worker that takes longer. Without a
 * supervisor the worker ends by itself.
 */
const CLOSING_MS_MAX = 500;

// Ctrl-C and some supervisors signal the whole process group. A worker ends only when its
// supervisor orders it.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => undefined);
// Node would start its inspector.
process.on("SIGUSR1", () => undefined);

const clock = systemClock;
const link = new SupervisorLink(clock);
const stdout = new Stdout();
const order = await link.serve;
const starting = start(order);
// If a worker ends while its supervisor binds the port for it, the port stays half bound. A long
// upgrade is not waited for.
const started = link.close.then(() => within(clock, LISTENING_MS_MAX, starting));
const app = await Promise.race([starting, started]);
const exitCode = app === undefined ? 0 : await run(app, order.config.drainMs);
await stdout.flush();
process.exit(exitCode);

async function start({ worker, startedMs, config, settings }: ServeOrder): Promise<App> {
  try {
    return await startApp(config, stdout, {
      settings,
      part: {
        worker,
        startedMs,
        renderAll: () => link.renderAll(),
        figuresOfAll: () => link.figuresOfAll(),
      },
    });
  } catch (error) {
    const explanation = explain(error);
    await link.send({ kind: "failed", explanation });
    await stdout.flush();
    return process.exit(explanation.exitCode);
  }
}

async function run(app: App, drainMs: number): Promise<number> {
  const sample = async (order: SampleOrder) => {
    const { id } = order;
    // Without an answer, the supervisor uses the last counts.
    if (order.kind === "sample") {
      const samples = await app.metrics.samples().catch(() => undefined);
      if (samples !== undefined) await link.send({ kind: "sampled", id, samples });
    } else {
      const samples = await app.metrics.samplesOf(order.names).catch(() => undefined);
      if (samples !== undefined) await link.send({ kind: "sampled_some", id, samples });
    }
  };
  const count = async () => link.send({ kind: "counted", counts: await app.metrics.counts() });
  link.answerWith(sample);
  await link.send({ kind: "listening", listeningInfo: app.listeningInfo });
  const counting = new AbortController();
  const counted = every(COUNTS_EVERY_MS, counting.signal, count);
  const exitCode = await Promise.race([
    untilBroken(app),
    untilFault(app.log),
    closed(app, drainMs),
  ]);
  counting.abort();
  await counted;
  await count();
  return exitCode;
}

async function closed(app: App, drainMs: number): Promise<number> {
  await link.close;
  setTimeout(killProcess, drainMs + CLOSING_MS_MAX).unref();
  return app.close().then(
    () => 0,
    () => 1,
  );
}

/** Serves until the signal is aborted. */
async function every(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(ms, signal).catch(() => undefined);
    if (!signal.aborted) await work();
  }
}

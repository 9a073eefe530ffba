import { ConfigError } from "../domain/errors.ts";
import type { Runtime } from "../runtime.ts";
import { type Damage, REPAIR, REPLACE_DISK } from "../store/damage.ts";
import { openStore } from "../store/open.ts";
import type { ReadThreadEnd, Store } from "../store/store.ts";
import { NO_KEY, needsKey } from "./credentials.ts";
import type { StartUp } from "./start-up.ts";

/**
 * With more unindexed messages than this, reads are slow. That happens after an upgrade, or when
 * the index was lost.
 */
const BACKLOG_LOGGED_ROWS = 20_000;
const LOG_EVERY_MS = 5_000;

/** Opens the database and upgrades it if necessary. */
export async function openDatabase({
  config,
  runtime,
  firstLog,
  stopping,
}: StartUp): Promise<Store> {
  const { log, random } = runtime;
  const store = await openStore(config.databaseUrl, {
    migrate: config.migrate,
    connectionsMax: config.databaseConnections,
    allowWeakDurability: config.allowWeakDurability,
    random,
    progress: (progress) => log.info({ msg: "upgrading the database", progress }),
    readThreadEnded: (end) => logReadThreadEnd(runtime, end),
    damaged: (damage) => reportDamage(runtime, damage),
    // Checked before the database is opened: a new database has no API key, and a refused start
    // must not change anything.
    newDatabaseError:
      needsKey(config) && config.adminApiKey === undefined ? new ConfigError([NO_KEY]) : undefined,
  });
  stopping.defer(() => store.close());
  for (const upgrade of store.upgrades) log.info({ msg: "database upgraded", upgrade });
  for (const warning of store.warnings)
    firstLog.warn({ msg: "the database needs attention", warning });
  return store;
}

/** Logs how far the read index is behind, until it has caught up. */
export function startCatchUpLog(
  { runtime: { clock, log }, stopping }: StartUp,
  store: Store,
): void {
  const aborting = new AbortController();
  const { signal } = aborting;
  const isBehind = () => !signal.aborted && store.backlogRows() > BACKLOG_LOGGED_ROWS;
  const run = async () => {
    if (!isBehind()) return;
    while (isBehind()) {
      log.info({
        msg: "the read index is catching up, reads may be slow",
        backlog_rows: store.backlogRows(),
      });
      await clock.sleep(LOG_EVERY_MS, signal).catch(() => undefined);
    }
    if (!signal.aborted) log.info({ msg: "the read index has caught up" });
  };
  const running = run();
  stopping.defer(() => {
    aborting.abort();
    return running;
  });
}

/**
 * A single end of a reading thread is harmless. Several within a minute mean that some request
 * causes them.
 */
function logReadThreadEnd({ log }: Pick<Runtime, "log">, { reason, again }: ReadThreadEnd): void {
  if (!again) {
    log.warn({
      msg: "a reading thread of the database ended: its read failed, and the thread is replaced",
      reason,
    });
    return;
  }
  log.error({
    msg:
      "reading threads of the database end repeatedly: reads fail, webhooks are stored. " +
      "Find the requests that get 422 or 503 at these times, and narrow or block them",
    reason,
  });
}

function reportDamage(
  { log, metrics }: Pick<Runtime, "log" | "metrics">,
  { kind, file, problem }: Damage,
): void {
  if (kind === "read_index") {
    metrics.readIndexRebuilds.inc();
    log.error({
      msg: "the read index was damaged and is rebuilt from the messages",
      file,
      problem,
    });
    return;
  }
  metrics.databaseDamaged.set(1);
  if (kind === "unreadable") {
    log.fatal({
      msg: "the disk cannot read a part of the database",
      file,
      problem,
      action: REPLACE_DISK,
    });
    return;
  }
  log.fatal({
    msg: "the database is damaged: reads of the damaged part get 503",
    file,
    problem,
    action: REPAIR,
  });
}

import { Readiness } from "../http/readiness.ts";
import { GroupCommit } from "../ingest/group-commit.ts";
import type { Tracing } from "../observe/trace.ts";
import { NativeProvider } from "../providers/native.ts";
import type { Provider } from "../providers/provider.ts";
import type { WebhookSecrets } from "../secrets/webhook-secrets.ts";
import type { Store } from "../store/store.ts";
import { DatabaseWatch } from "./database-watch.ts";
import type { StartUp } from "./start-up.ts";

export interface IngestionParts {
  readonly store: Store;
  /** The store through which messages are written. */
  readonly written: Pick<Store, "insertMessages">;
  readonly secrets: WebhookSecrets;
  readonly tracing: Tracing | undefined;
}

/** The services that take webhooks. */
export interface Ingestion {
  readonly provider: Provider;
  readonly committer: GroupCommit;
  readonly readiness: Readiness;
  /** Messages answered with 200, by source. */
  readonly received: Map<string, number>;
}

export function startIngestion(
  start: StartUp,
  { store, written, secrets, tracing }: IngestionParts,
): Ingestion {
  const { runtime, isFirst, stopping } = start;
  const provider = new NativeProvider(secrets.signing);
  const readiness = new Readiness({
    store,
    clock: runtime.clock,
    secretConfigured: secrets.configured,
  });
  let watched = written;
  if (isFirst) {
    const watch = new DatabaseWatch(runtime, () => readiness.databaseProblem());
    stopping.defer(() => watch.stop());
    watched = watch.watching(written);
  }
  const committer = new GroupCommit(runtime, { store: watched, tracing });
  stopping.defer(() => committer.stop());
  return { provider, committer, readiness, received: new Map([[provider.source, 0]]) };
}

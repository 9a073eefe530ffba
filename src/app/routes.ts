import type { ResponseCache } from "../cache/response-cache.ts";
import type { Auth } from "../http/auth.ts";
import { openApi } from "../http/openapi.ts";
import type { RateLimiting } from "../http/rate-limit.ts";
import type { Readiness } from "../http/readiness.ts";
import type { Route } from "../http/route.ts";
import { auditRoute } from "../http/routes/audit.ts";
import { docsRoutes } from "../http/routes/docs.ts";
import { exportRoute } from "../http/routes/export.ts";
import { healthRoutes } from "../http/routes/health.ts";
import { keysRoutes } from "../http/routes/keys.ts";
import { messageRoute } from "../http/routes/message.ts";
import { messagesRoute } from "../http/routes/messages.ts";
import { metricsRoute } from "../http/routes/metrics.ts";
import { senderRoute } from "../http/routes/sender.ts";
import { sendersRoute } from "../http/routes/senders.ts";
import { statsRoute } from "../http/routes/stats.ts";
import { timelineRoute } from "../http/routes/timeline.ts";
import { webhookRoute } from "../http/routes/webhook.ts";
import type { IngestOptions } from "../ingest/ingest.ts";
import type { ApiKeys } from "../keys/api-keys.ts";
import type { ServiceMetrics } from "../observe/metrics.ts";
import type { Eraser } from "../retention/eraser.ts";
import type { Store } from "../store/store.ts";

/** What the routes need. */
export interface RouteParts {
  readonly store: Store;
  readonly ingest: IngestOptions;
  readonly responses: Pick<ResponseCache, "getOrRead">;
  readonly auth: Auth;
  readonly limiting: RateLimiting;
  readonly keys: Pick<ApiKeys, "all" | "create" | "rotate" | "revoke">;
  readonly eraser: Pick<Eraser, "erase">;
  readonly readiness: Pick<Readiness, "problem" | "reason">;
  readonly metrics: Pick<ServiceMetrics, "render" | "contentType">;
  readonly bodyBytesMax: number;
  readonly version: string;
}

/**
 * Every route of the service. To add a route, write a file in `http/routes/` and add a line here.
 */
export function serviceRoutes(parts: RouteParts): readonly Route[] {
  const {
    store,
    ingest,
    responses,
    auth,
    limiting,
    keys,
    eraser,
    readiness,
    metrics,
    bodyBytesMax,
    version,
  } = parts;
  const { clock } = ingest;
  const routes: readonly Route[] = [
    webhookRoute({ ...ingest, limiting, bodyBytesMax }),
    messagesRoute({ store, responses }),
    messageRoute({ store }),
    exportRoute({ store, clock, mayRead: (request) => auth.mayRead(request) }),
    statsRoute({ store, responses }),
    timelineRoute({ store, responses }),
    sendersRoute({ store, responses }),
    senderRoute({ eraser }),
    ...keysRoutes({ keys }),
    auditRoute({ store }),
    ...healthRoutes(readiness),
    metricsRoute({ metrics, monotonic: () => clock.monotonic() }),
  ];
  return [
    ...routes,
    ...docsRoutes(openApi(routes, { version, requiresKey: (access) => auth.requiresKey(access) })),
  ];
}

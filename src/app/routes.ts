import type { ResponseCache } from "../cache/response-cache.ts";
import type { Setting } from "../domain/setting.ts";
import type { Auth, ReadMode } from "../http/auth.ts";
import { openApi } from "../http/openapi.ts";
import type { RateLimiting } from "../http/rate-limit.ts";
import type { Readiness } from "../http/readiness.ts";
import type { Route } from "../http/route.ts";
import { auditRoute } from "../http/routes/audit.ts";
import { docsRoutes } from "../http/routes/docs.ts";
import { erasuresRoute } from "../http/routes/erasures.ts";
import { exportRoute } from "../http/routes/export.ts";
import { healthRoutes } from "../http/routes/health.ts";
import { keysRoutes } from "../http/routes/keys.ts";
import { messageRoute } from "../http/routes/message.ts";
import { messagesRoute } from "../http/routes/messages.ts";
import { metricsRoute } from "../http/routes/metrics.ts";
import { type OverviewRouteOptions, overviewRoute } from "../http/routes/overview.ts";
import { secretsRoutes } from "../http/routes/secrets.ts";
import { senderRoute } from "../http/routes/sender.ts";
import { sendersRoute } from "../http/routes/senders.ts";
import { sessionRoutes } from "../http/routes/session.ts";
import { settingsRoute } from "../http/routes/settings.ts";
import { statsRoute } from "../http/routes/stats.ts";
import { testMessagesRoute } from "../http/routes/test-messages.ts";
import { timelineRoute } from "../http/routes/timeline.ts";
import { uiRoutes } from "../http/routes/ui.ts";
import { webhookRoute } from "../http/routes/webhook.ts";
import type { SessionCookies } from "../http/session-cookies.ts";
import { WebFolder } from "../http/web-files.ts";
import type { IngestOptions } from "../ingest/ingest.ts";
import type { TestMessages } from "../ingest/test-messages.ts";
import type { ApiKeys } from "../keys/api-keys.ts";
import type { ServiceMetrics } from "../observe/metrics.ts";
import type { Eraser } from "../retention/eraser.ts";
import type { SecretIssuer } from "../secrets/secret-issuer.ts";
import type { Store } from "../store/store.ts";

/** Where the build puts the dashboard: in dist/, which in a checkout is beside src/. */
const WEB_FOLDER = new URL(
  import.meta.url.endsWith(".ts") ? "../../dist/web/" : "../web/",
  import.meta.url,
);

/** What the routes need. */
export interface RouteParts {
  readonly store: Store;
  readonly ingest: IngestOptions;
  readonly responses: Pick<ResponseCache, "getOrRead">;
  readonly auth: Auth;
  readonly limiting: RateLimiting;
  readonly sessions: SessionCookies;
  readonly readMode: () => ReadMode;
  readonly keys: Pick<ApiKeys, "all" | "create" | "rotate" | "revoke">;
  readonly testMessages: Pick<TestMessages, "sources" | "compose" | "send" | "noteSigned">;
  readonly secrets: Pick<SecretIssuer, "list" | "add" | "retire" | "hasMasterKey">;
  readonly eraser: Pick<Eraser, "erase">;
  readonly readiness: Pick<Readiness, "problem" | "reason">;
  readonly metrics: Pick<ServiceMetrics, "render" | "contentType">;
  readonly overview: OverviewRouteOptions["overview"];
  readonly settings: readonly Setting[];
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
    sessions,
    readMode,
    keys,
    testMessages,
    secrets,
    eraser,
    readiness,
    metrics,
    overview,
    settings,
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
    erasuresRoute({ eraser }),
    ...sessionRoutes({ auth, limiting, sessions, readMode }),
    ...keysRoutes({ keys }),
    testMessagesRoute({ testMessages, limiting, bodyBytesMax }),
    ...secretsRoutes({ secrets }),
    auditRoute({ store }),
    settingsRoute({ settings }),
    ...healthRoutes(readiness),
    metricsRoute({ metrics, monotonic: () => clock.monotonic() }),
    overviewRoute({ overview, monotonic: () => clock.monotonic() }),
    ...uiRoutes({ folder: new WebFolder(WEB_FOLDER) }),
  ];
  return [
    ...routes,
    ...docsRoutes(openApi(routes, { version, requiresKey: (access) => auth.requiresKey(access) })),
  ];
}

import type { Alert, Overview } from "../../api/overview.ts";
import { Copy } from "../../parts/copy.tsx";
import { Sign, Skeleton } from "../../parts/notes.tsx";
import { PageHead } from "../../parts/page.tsx";
import { TroubleLine } from "../../parts/trouble.tsx";
import type { RouteOf } from "../../route.ts";
import { serviceNow } from "../../state/clock.ts";
import { overview } from "../../state/overview.ts";
import { mayAdminister } from "../../state/session.ts";
import { health as t } from "../../text/en/health.ts";
import { alertNames } from "../../text/en/overview.ts";
import { duration, fill, moments } from "../../text/format.ts";
import { FigureGroups } from "./figures.tsx";
import "./health.css";
import { reportOf } from "./report.ts";
import { Settings } from "./settings-panel.tsx";

const SKELETON_ROWS = 10;

/** Everything that the service says about itself. */
export function Page({ route }: { readonly route: RouteOf<"health"> }) {
  const resource = overview.value;
  const service = resource?.value;
  return (
    <div class="health">
      <PageHead title={t.title}>
        {service === undefined ? null : (
          <Copy text={() => reportOf(service, serviceNow())} words={t.copyReport} />
        )}
      </PageHead>
      {resource === undefined ? null : <TroubleLine {...resource} />}
      {service === undefined ? (
        <Skeleton rows={SKELETON_ROWS} />
      ) : (
        <>
          <State service={service} />
          <FigureGroups service={service} />
        </>
      )}
      {mayAdminister.value ? (
        <Settings search={route.search} />
      ) : (
        <p class="soft health-note">{t.settingsForAdmins}</p>
      )}
    </div>
  );
}

/** Whether messages are taken, and the alerts. */
function State({ service }: { readonly service: Overview }) {
  const { ready, problem, started_at, alerts } = service;
  const started = Date.parse(started_at);
  const running = {
    moment: moments().brief(started, Date.now()),
    duration: duration(serviceNow() - started),
  };
  return (
    <section class="panel health-state">
      <div class="health-item">
        <Sign mood={ready ? "good" : "bad"} />
        <div>
          <h2>{ready ? t.takesMessages : fill(t.takesNone, { problem: problem ?? "" })}</h2>
          <p class="soft">{ready ? fill(t.takesMessagesSince, running) : t.takesNoneMeans}</p>
        </div>
      </div>
      {alerts.length === 0 ? (
        <div class="health-item">
          <Sign mood="good" />
          <h2>{t.noAlerts}</h2>
        </div>
      ) : (
        alerts.map((alert) => <AlertItem key={alert.rule} alert={alert} />)
      )}
    </section>
  );
}

function AlertItem({ alert }: { readonly alert: Alert }) {
  const { rule, severity, summary, since, what_to_do: advice } = alert;
  return (
    <div class="health-item">
      <Sign mood={severity === "warning" ? "warn" : "bad"} />
      <div>
        <h2>
          {alertNames[rule] ?? rule}{" "}
          <span class="health-since">
            {fill(t.alertSince, { moment: moments().brief(Date.parse(since), Date.now()) })}
          </span>
        </h2>
        <p>{summary}</p>
        <p class="soft">{advice}</p>
      </div>
    </div>
  );
}

import { join } from "node:path";
import { shipped, untilReady } from "./prometheus.ts";
import { freePort, ServerFolder } from "./server-folder.ts";
import { unlessTool } from "./tools.ts";

/** What the fake of PagerDuty takes: 32 characters. */
export const PAGE_KEY = "page".repeat(8);
export const TICKETS_KEY = "tickets-".repeat(4);

/** A real Alertmanager with the configuration of `deploy/`. Ended and removed at the end of the scope, or with this process. */
export interface Alertmanager extends AsyncDisposable {
  /** As Prometheus names its targets. */
  readonly address: string;
  log(): string;
}

/** Why none can be had here, or false. */
export function unlessAlertmanager(): string | false {
  return unlessTool("prometheus-alertmanager");
}

/** Only where PagerDuty is and where the keys lie is the test's own. */
export async function startAlertmanager(pagerDutyUrl: string): Promise<Alertmanager> {
  const folder = new ServerFolder("alertmanager");
  try {
    const address = `127.0.0.1:${await freePort()}`;
    const config = shipped("alertmanager/alertmanager.yml", {
      "https://events.pagerduty.com/v2/enqueue": pagerDutyUrl,
      "/etc/alertmanager/pagerduty-page.key": folder.write("page.key", `${PAGE_KEY}\n`),
      "/etc/alertmanager/pagerduty-tickets.key": folder.write("tickets.key", `${TICKETS_KEY}\n`),
    });
    const child = folder.spawn("prometheus-alertmanager", [
      `--config.file=${folder.write("alertmanager.yml", config)}`,
      `--storage.path=${join(folder.path, "data")}`,
      `--web.listen-address=${address}`,
      // It is alone.
      "--cluster.listen-address=",
    ]);
    await untilReady(`http://${address}/-/ready`, child, folder);
    return { address, log: () => folder.log(), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

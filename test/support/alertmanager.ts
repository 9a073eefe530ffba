import { join } from "node:path";
import { shipped, untilReady } from "./prometheus.ts";
import { freePort, ServerFolder } from "./server-folder.ts";
import { unlessTool } from "./tools.ts";

/** The form that the fake PagerDuty accepts: 32 characters. */
export const PAGE_KEY = "page".repeat(8);
export const TICKETS_KEY = "tickets-".repeat(4);

/**
 * A real Alertmanager with the configuration of `deploy/`. It ends and is removed at the end of the
 * scope, or with this process.
 */
export interface Alertmanager extends AsyncDisposable {
  /** In the form of Prometheus's targets. */
  readonly address: string;
  log(): string;
}

/** Why none is available here, or false. */
export function unlessAlertmanager(): string | false {
  return unlessTool("prometheus-alertmanager");
}

/** The test replaces only the address of PagerDuty and the paths of the keys. */
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
      // It has no peers.
      "--cluster.listen-address=",
    ]);
    await untilReady(`http://${address}/-/ready`, child, folder);
    return {
      address,
      log: () => folder.log(),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

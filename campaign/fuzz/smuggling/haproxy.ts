import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { freePort, ServerFolder } from "../../../test/support/server-folder.ts";

const SHIPPED = readFileSync(new URL("../../../deploy/haproxy.cfg", import.meta.url), "utf8");
const START_MS_MAX = 15_000;

/** HAProxy with deploy/haproxy.cfg and one replica. It logs each request, not only failed ones. */
export async function startLoggingHaproxy(servicePort: number) {
  const folder = new ServerFolder("haproxy");
  const port = await freePort();
  const settings = SHIPPED.replace(/^resolvers docker\n(?: .*\n)+/m, "")
    .replace(" resolvers docker init-addr none", "")
    .replace("  option dontlog-normal\n", "")
    // Of two threads that log at the same moment, one may drop its line.
    .replace("global\n", "global\n  nbthread 1\n")
    .replace(/^ +server replica-[23] .*\n/gm, "")
    .replace("replica-1:8000", `127.0.0.1:${servicePort}`)
    .replace("  bind :8000\n", `  bind 127.0.0.1:${port}\n`);
  folder.spawn("haproxy", ["-db", "-f", folder.write("haproxy.cfg", settings)]);
  const isReady = () =>
    fetch(`http://127.0.0.1:${port}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  const deadline = performance.now() + START_MS_MAX;
  while (!(await isReady())) {
    if (performance.now() > deadline) throw new Error(`HAProxy does not start:\n${folder.log()}`);
    await setTimeout(20);
  }
  return {
    port,
    log: () => folder.log(),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

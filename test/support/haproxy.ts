import { equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { freePort, freePorts, ServerFolder } from "./server-folder.ts";

const WAIT_MS_MAX = 15_000;

/** HAProxy in front of replicas, which it finds by their readiness. */
export interface LoadBalancer extends AsyncDisposable {
  readonly url: string;
  /** Resolves when it uses this many of them. */
  sees(replicas: number): Promise<void>;
  /** Errors, and changes of the replicas. */
  log(): string;
}

const SHIPPED = readFileSync(new URL("../../deploy/haproxy.cfg", import.meta.url), "utf8");

/** HAProxy with deploy/haproxy.cfg, which finds its replicas at these ports instead of by name. */
export async function balanceAsShipped(ports: readonly number[]) {
  const folder = new ServerFolder("haproxy");
  const port = await freePort();
  const settings = SHIPPED.replace(/^resolvers docker\n(?: .*\n)+/m, "")
    .replace(" resolvers docker init-addr none", "")
    .replace(/replica-([0-9]):8000$/gm, (_, n) => `127.0.0.1:${ports[Number(n) - 1]}`)
    .replace("  bind :8000\n", `  bind 127.0.0.1:${port}\n`);
  equal(settings.match(/^ +server /gm)?.length, ports.length);
  const child = folder.spawn("haproxy", ["-db", "-f", folder.write("haproxy.cfg", settings)]);
  const url = `http://127.0.0.1:${port}`;
  const isReady = () =>
    fetch(`${url}/health/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!(await isReady())) {
    ok(child.exitCode === null, `HAProxy ended:\n${folder.log()}`);
    ok(performance.now() < deadline, `HAProxy does not start:\n${folder.log()}`);
    await setTimeout(20);
  }
  return { url, port, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/**
 * `ports` are those of the replicas. With `again`, a request without any answer is sent to another
 * replica, which is safe for webhooks. Otherwise a request fails that is sent on an idle connection
 * just when its replica closes it.
 */
export async function balance(
  ports: readonly number[],
  { again = false }: { readonly again?: boolean } = {},
): Promise<LoadBalancer> {
  const folder = new ServerFolder("haproxy");
  const [port = 0, statusPort = 0] = await freePorts(2);
  const servers = ports.map((replica, n) => `  server replica${n} 127.0.0.1:${replica} check`);
  const settings = folder.write(
    "haproxy.cfg",
    `global
  maxconn 500
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option dontlog-normal
  timeout connect 2s
  timeout check 2s
  timeout client 30s
  timeout server 30s
  retries 3
  option redispatch 1
  retry-on conn-failure${again ? " empty-response" : ""}
frontend status
  bind 127.0.0.1:${statusPort}
  stats enable
  stats uri /
frontend webhooks
  bind 127.0.0.1:${port}
  default_backend replicas
backend replicas
  balance roundrobin
  option httpchk GET /health/ready
  default-server inter 100ms fall 1 rise 1
${servers.join("\n")}
`,
  );
  const child = folder.spawn("haproxy", ["-db", "-f", settings]);
  const seen = async () => {
    const csv = await fetch(`http://127.0.0.1:${statusPort}/;csv`).then(
      (answer) => answer.text(),
      () => "",
    );
    return csv
      .split("\n")
      .filter((line) => line.startsWith("replicas,replica") && /,UP[, ]/.test(line)).length;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    sees: async (replicas) => {
      const deadline = performance.now() + WAIT_MS_MAX;
      while ((await seen()) !== replicas) {
        ok(child.exitCode === null, `HAProxy ended:\n${folder.log()}`);
        ok(performance.now() < deadline, `HAProxy does not see ${replicas} replicas`);
        await setTimeout(20);
      }
    },
    log: () => folder.log(),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

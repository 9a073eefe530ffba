import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { composeServices } from "../support/compose.ts";
import { unlessTool } from "../support/tools.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const alone = composeServices("compose.yaml");
const replicated = composeServices("compose.replicas.yaml");
const { prometheus = {}, alertmanager = {}, grafana = {} } = alone;

/** The value of a flag in the command of a service. */
function flag(command: string | readonly string[] | undefined, name: string): string | undefined {
  const found = [...(command ?? [])].find((word) => word.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

/** The targets of the job in a configuration of Prometheus. */
const targetsOf = (path: string) => parse(read(path)).scrape_configs[0].static_configs[0].targets;

test("Grafana does not start without a password, requires it, and contacts no other host", () => {
  const { environment = {}, entrypoint = [] } = grafana;
  equal(environment.GF_SECURITY_ADMIN_PASSWORD, "$" + "{GRAFANA_PASSWORD:-}");
  const script = (entrypoint.at(-1) ?? "")
    .replaceAll("$$", "$")
    .replace("exec /run.sh", "echo started");
  const started = (password: string) =>
    spawnSync("sh", ["-c", script], {
      env: { GF_SECURITY_ADMIN_PASSWORD: password },
      encoding: "utf8",
    });
  deepEqual([started("").status, started("").stdout, started("a b").stdout], [1, "", "started\n"]);
  match(started("").stderr, /set GRAFANA_PASSWORD/);
  for (const name of [
    "AUTH_ANONYMOUS_ENABLED",
    "USERS_ALLOW_SIGN_UP",
    "ANALYTICS_REPORTING_ENABLED",
  ])
    equal(environment[`GF_${name}`], "false", name);
  equal(environment.GF_PLUGINS_PREINSTALL_DISABLED, "true");
});

test("Grafana opens with the dashboard, and finds the dashboard and Prometheus where they are mounted", () => {
  const mounts = new Map(
    grafana.volumes?.map((mount) => [mount.split(":")[1], mount.split(":")[0]]),
  );
  equal(mounts.get("/etc/grafana/provisioning"), "./deploy/grafana/provisioning");
  const { providers } = parse(read("deploy/grafana/provisioning/dashboards/lyftr.yaml"));
  equal(mounts.get(providers[0].options.path), "./deploy/grafana/dashboards");
  const home = grafana.environment?.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH;
  equal(home, `${providers[0].options.path}/lyftr.json`);
  const { datasources } = parse(read("deploy/grafana/provisioning/datasources/prometheus.yaml"));
  const urls = datasources.map(({ url }: { readonly url: string }) => url);
  deepEqual(urls, ["http://prometheus:9090", "http://alertmanager:9093"]);
  for (const url of urls) {
    const { hostname, port } = new URL(url);
    deepEqual(alone[hostname]?.ports, [`127.0.0.1:${port}:${port}`]);
  }
});

test("Grafana knows the scrape interval, or its rates would have too few samples", () => {
  const { datasources } = parse(read("deploy/grafana/provisioning/datasources/prometheus.yaml"));
  const { global } = parse(read("deploy/prometheus/prometheus.yml"));
  equal(datasources[0].jsonData.timeInterval, global.scrape_interval);
});

test("Prometheus scrapes the service of its compose file, each of the replicas if there are some, and uses Alertmanager", () => {
  for (const [services, path] of [
    [alone, "prometheus.yml"],
    [replicated, "replicas.yml"],
  ] as const) {
    equal(flag(services.prometheus?.command, "--config.file"), `/etc/prometheus/${path}`);
    for (const target of targetsOf(`deploy/prometheus/${path}`)) {
      const [name = "", port] = target.split(":");
      ok(services[name], `there is no service ${name}`);
      equal(port, "8000");
    }
  }
  deepEqual(targetsOf("deploy/prometheus/replicas.yml"), [
    "replica-1:8000",
    "replica-2:8000",
    "replica-3:8000",
  ]);
  ok(prometheus.volumes?.includes("./deploy/prometheus:/etc/prometheus:ro"));
  ok(alertmanager.volumes?.includes("./deploy/alertmanager:/etc/alertmanager:ro"));
  equal(flag(alertmanager.command, "--config.file"), "/etc/alertmanager/alertmanager.yml");
});

test("with replicas only the targets differ, and Prometheus keeps the 30 days of the error budget", () => {
  const other = parse(read("deploy/prometheus/replicas.yml"));
  const one = parse(read("deploy/prometheus/prometheus.yml"));
  one.scrape_configs[0].static_configs[0].targets =
    other.scrape_configs[0].static_configs[0].targets;
  deepEqual(other, one);
  const flags = [
    "--storage.tsdb.path",
    "--storage.tsdb.retention.time",
    "--storage.tsdb.retention.size",
  ];
  for (const name of flags)
    equal(flag(replicated.prometheus?.command, name), flag(prometheus.command, name), name);
  ok(Number.parseInt(flag(prometheus.command, "--storage.tsdb.retention.time") ?? "", 10) >= 31);
});

test("keys of PagerDuty and of Prometheus beside the configurations stay out of the repository", () => {
  match(read(".gitignore"), /^deploy\/\*\/\*\.key$/m);
  doesNotMatch(read("deploy/alertmanager/alertmanager.yml"), /routing_key: /);
});

test("promtool accepts the configuration for replicas", { skip: unlessTool("promtool") }, () => {
  const path = fileURLToPath(new URL("../../deploy/prometheus/replicas.yml", import.meta.url));
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "config", path], {
    encoding: "utf8",
  });
  equal(status, 0, stdout + stderr);
});

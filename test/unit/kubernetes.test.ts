import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { prometheusRule } from "../../scripts/prometheus-rule.ts";
import { type Config, readConfig, VARIABLES } from "../../src/config.ts";
import {
  built,
  type Container,
  complaintsAbout,
  type KubernetesObject,
  kustomizationOf,
  manifestFiles,
  objectsIn,
  type PodSpec,
  type Probe,
  podOf,
} from "../support/kubernetes.ts";
import { unlessTool } from "../support/tools.ts";

const BASES = ["sqlite", "postgres", "migrate"] as const;
type Base = (typeof BASES)[number];
const root = new URL("../../", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), "utf8");
const all = manifestFiles().flatMap((name) => objectsIn(name).map((object) => ({ name, object })));

const pods = all.flatMap(({ name, object }) => {
  const pod = podOf(object);
  return pod === undefined ? [] : [{ name, pod, container: pod.containers[0] as Container }];
});
const servers = pods.filter(({ container }) => container.args === undefined);
const one = (base: Base, kind: string): KubernetesObject => {
  const found = all.filter(
    ({ name, object }) => name.startsWith(`${base}/`) && object.kind === kind,
  );
  equal(found.length, 1, `${base} ${kind}`);
  return found[0]?.object as KubernetesObject;
};

/** The values of a base's secret, as a user would make it. */
const SECRETS: Readonly<Record<string, string>> = {
  "webhook-secret": "a secret",
  "admin-api-key": "a".repeat(64),
  "database-url": "postgres://lyftr:hidden@db:5432/lyftr?sslmode=require",
};

/**
 * The configuration that the process of a base would read: of the image, the ConfigMap and the
 * mounted secret.
 */
function configurationIn(base: Base, container: Container): Config {
  const image = /^ENV (DATABASE_URL=.+)$/m.exec(read("Dockerfile"))?.[1]?.split(" ") ?? [];
  const literals = (kustomizationOf(base).configMapGenerator ?? []).flatMap((map) => map.literals);
  const pairs = [...image, ...literals].map(
    (pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string],
  );
  const env = {
    ...Object.fromEntries(pairs),
    ...Object.fromEntries(container.env?.map((e) => [e.name, e.value]) ?? []),
  };
  const folder = mkdtempSync(join(tmpdir(), "lyftr-kubernetes-"));
  try {
    for (const [name, value] of Object.entries(SECRETS)) writeFileSync(join(folder, name), value);
    const mounted = Object.entries(env).map(([name, value]) => [
      name,
      value.replace("/run/secrets/lyftr", folder),
    ]);
    return readConfig(Object.fromEntries(mounted));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const { name, object } of all) {
  test(`${name} is valid by its published schema, and has no unknown field`, async () => {
    deepEqual(await complaintsAbout(object), []);
  });
}

test("the schemas are used: a wrong type, a missing field and a misspelt one are reported", async () => {
  const good = one("postgres", "Deployment");
  const broken = (change: (object: KubernetesObject) => void) => {
    const copy = structuredClone(good);
    change(copy);
    return complaintsAbout(copy);
  };
  match(
    String(await broken(({ spec }) => (spec.minReadySeconds = "soon"))),
    /minReadySeconds.*type/,
  );
  match(String(await broken(({ spec }) => delete spec.selector)), /required.*selector/);
  deepEqual(
    await broken(({ spec }) => (spec.template.spec.containers[0].securityContext.readOnly = true)),
    ["/spec/template/spec/containers/0/securityContext/readOnly is no field"],
  );
});

for (const base of BASES) {
  test(`Kustomize builds ${base} from the same objects, and sets the image`, {
    skip: unlessTool("kubectl"),
  }, async () => {
    const objects = await built(base);
    const files = all.filter(({ name }) => name.startsWith(`${base}/`));
    deepEqual(
      objects.map(({ kind }) => kind).sort(),
      [
        ...files.map(({ object }) => object.kind),
        ...(base === "migrate" ? [] : ["ConfigMap"]),
      ].sort(),
    );
    for (const object of objects) deepEqual(await complaintsAbout(object), [], object.kind);
    const { version } = JSON.parse(read("package.json"));
    for (const pod of objects.map(podOf))
      if (pod !== undefined)
        equal(pod.containers[0]?.image, `lyftr:${version}`, "the version of package.json");
    const map = objects.find(({ kind }) => kind === "ConfigMap")?.metadata.name;
    for (const pod of objects.map(podOf))
      for (const from of pod?.containers[0]?.envFrom ?? []) equal(from.configMapRef.name, map);
  });

  test(`every file of ${base} is in its kustomization`, () => {
    const files = all
      .filter(({ name }) => name.startsWith(`${base}/`))
      .map(({ name }) => name.slice(base.length + 1));
    deepEqual(kustomizationOf(base).resources.toSorted(), files.sort());
  });
}

test("every pod has few rights: the Pod Security Standard `restricted`, a read-only root, and no token", () => {
  equal(pods.length, 3);
  for (const { name, pod, container } of pods) {
    const { runAsNonRoot, runAsUser, runAsGroup, seccompProfile } = pod.securityContext;
    deepEqual([runAsNonRoot, runAsUser, runAsGroup], [true, 1_000, 1_000], name);
    deepEqual(seccompProfile, { type: "RuntimeDefault" }, name);
    deepEqual(
      container.securityContext,
      {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
      name,
    );
    deepEqual([pod.automountServiceAccountToken, pod.enableServiceLinks], [false, false], name);
    equal(pod.containers.length, 1, name);
    for (const [kind] of pod.volumes.flatMap(({ name: _, ...rest }) =>
      Object.keys(rest).map((key) => [key]),
    ))
      ok(["emptyDir", "secret"].includes(kind as string), `${name}: ${kind}`);
  }
});

test("every pod has a measured memory limit, and no CPU limit", () => {
  for (const { name, container } of servers)
    deepEqual(
      [container.resources.limits, container.resources.requests.memory],
      [{ memory: "512Mi" }, "512Mi"],
      name,
    );
  match(read("docs/operations/scaling.md"), /Give it 512 MiB/);
});

test("a pod gets the time that the service needs to end, after the time that proxies need to notice", () => {
  for (const { name, pod, container } of servers) {
    const preStop = container.lifecycle?.preStop.sleep.seconds ?? 0;
    ok(preStop >= 5, name);
    const drain = Number(VARIABLES.drainMs.fallback) / 1_000;
    ok((pod.terminationGracePeriodSeconds ?? 0) >= preStop + drain + 10, name);
  }
});

test("probes use the matching routes, and only a pod that has been dead for a minute is killed", () => {
  const port = String(VARIABLES.port.fallback);
  const paths = (probe?: Probe) => [probe?.httpGet.path, probe?.httpGet.port];
  for (const { name, container } of servers) {
    deepEqual(paths(container.startupProbe), ["/health/live", "http"], name);
    deepEqual(paths(container.livenessProbe), ["/health/live", "http"], name);
    deepEqual(paths(container.readinessProbe), ["/health/ready", "http"], name);
    const { periodSeconds = 0, failureThreshold = 0 } = container.livenessProbe ?? {};
    ok(periodSeconds * failureThreshold >= 60, name);
    deepEqual((container as unknown as { readonly ports: unknown }).ports, [
      { name: "http", containerPort: Number(port) },
    ]);
  }
});

test("no secret is in the files: each pod reads the mounted ones, and no other user can read those", () => {
  equal(all.filter(({ object }) => object.kind === "Secret").length, 0);
  for (const { name, pod, container } of pods) {
    const secrets = pod.volumes.find((volume) => volume.name === "secrets") as {
      readonly secret: { readonly secretName: string; readonly defaultMode: number };
    };
    deepEqual(
      [secrets.secret.secretName, secrets.secret.defaultMode.toString(8)],
      ["lyftr", "440"],
      name,
    );
    equal(container.volumeMounts.find((mount) => mount.name === "secrets")?.readOnly, true, name);
  }
});

test("the configuration is accepted: one process on SQLite, with its database on its volume", () => {
  const { container } = servers.find(({ name }) =>
    name.startsWith("sqlite/"),
  ) as (typeof servers)[number];
  const { databaseUrl, readAuth, webhookSecret, adminApiKey } = configurationIn(
    "sqlite",
    container,
  ) as Config & {
    readonly webhookSecret: string;
    readonly adminApiKey: string;
  };
  deepEqual([databaseUrl, readAuth], ["sqlite:////data/app.db", "required"]);
  deepEqual([webhookSecret, adminApiKey], [SECRETS["webhook-secret"], SECRETS["admin-api-key"]]);
  const claim = one("sqlite", "StatefulSet").spec.volumeClaimTemplates[0];
  equal(
    container.volumeMounts.find(({ mountPath }) => mountPath === "/data")?.name,
    claim.metadata.name,
  );
});

test("the configuration is accepted: replicas and the migration use the database of the secret", () => {
  for (const base of ["postgres", "migrate"] as const) {
    const pod = podOf(one(base, base === "postgres" ? "Deployment" : "Job")) as PodSpec;
    equal(
      configurationIn(base, pod.containers[0] as Container).databaseUrl,
      SECRETS["database-url"],
      base,
    );
  }
});

test("one process writes the SQLite file: a StatefulSet of one, which nothing scales", () => {
  equal(one("sqlite", "StatefulSet").spec.replicas, 1);
  for (const kind of ["HorizontalPodAutoscaler", "PodDisruptionBudget", "Deployment"])
    equal(
      all.filter(({ name, object }) => name.startsWith("sqlite/") && object.kind === kind).length,
      0,
      kind,
    );
});

test("an update of replicas removes none before another is ready, and only the autoscaler sets their number", () => {
  const { spec } = one("postgres", "Deployment");
  deepEqual(spec.strategy, {
    type: "RollingUpdate",
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
  });
  equal(spec.replicas, undefined);
  const scaler = one("postgres", "HorizontalPodAutoscaler").spec;
  ok(scaler.minReplicas >= 2);
  deepEqual(scaler.scaleTargetRef, { apiVersion: "apps/v1", kind: "Deployment", name: "lyftr" });
  equal(one("postgres", "PodDisruptionBudget").spec.maxUnavailable, 1);
  ok(
    (scaler.maxReplicas + 1) * Number(VARIABLES.databaseConnections.fallback) < 100,
    "PostgreSQL's max_connections",
  );
});

test("selectors match the pods: of services, budgets, policies and spreads", () => {
  const label = { "app.kubernetes.io/name": "lyftr" };
  for (const base of ["sqlite", "postgres"] as const) {
    const workload = one(base, base === "sqlite" ? "StatefulSet" : "Deployment").spec;
    deepEqual([workload.selector.matchLabels, workload.template.metadata.labels], [label, label]);
    deepEqual(one(base, "Service").spec.selector, label);
    deepEqual(one(base, "NetworkPolicy").spec.podSelector.matchLabels, label);
  }
  deepEqual(one("postgres", "PodDisruptionBudget").spec.selector.matchLabels, label);
  for (const spread of one("postgres", "Deployment").spec.template.spec.topologySpreadConstraints)
    deepEqual(spread.labelSelector.matchLabels, label);
  // The migration's pods are not replicas: no service may send them anything.
  equal(
    one("migrate", "Job").spec.template.metadata.labels["app.kubernetes.io/name"],
    "lyftr-migrate",
  );
});

test("the documented secret has what the pods read", () => {
  const made = [
    ...read("docs/deployment/kubernetes.md").matchAll(/--from-literal=([a-z-]+)=/g),
  ].map(([, key]) => key);
  const settings = BASES.flatMap((base) => read(`deploy/kubernetes/${base}/kustomization.yaml`));
  const files = [...settings, read("deploy/kubernetes/migrate/job.yaml")].join("\n");
  const wanted = new Set(
    [...files.matchAll(/\/run\/secrets\/lyftr\/([a-z-]+)/g)].map(([, key]) => key),
  );
  deepEqual(made.sort(), [...wanted].sort());
  deepEqual(Object.keys(SECRETS).sort(), [...wanted].sort());
});

test("only what clients need is reachable from outside of the cluster, in either way of publishing", () => {
  const route = objectsIn("gateway/http-route.yaml")[0]?.spec.rules as readonly {
    readonly matches: readonly { readonly path: { readonly value: string } }[];
    readonly timeouts: { readonly request: string };
  }[];
  const routed = route.flatMap(({ matches }) => matches.map(({ path }) => path.value));
  deepEqual(routed, ["/messages/export", "/webhook", "/messages", "/stats", "/senders"]);
  deepEqual(
    route.map(({ timeouts }) => timeouts.request),
    ["0s", "30s"],
  );
  const { spec } = objectsIn("gateway/ingress.yaml")[0] as KubernetesObject;
  const paths = spec.rules[0].http.paths.map(({ path }: { readonly path: string }) => path);
  deepEqual(paths, ["/webhook", "/messages", "/stats", "/senders"]);
});

test("the rules for the Prometheus operator are those for Prometheus, and each pod is scraped as often", () => {
  const says = "run node scripts/prometheus-rule.ts";
  equal(read("deploy/kubernetes/monitoring/prometheus-rule.yaml"), prometheusRule(), says);
  const rules = objectsIn("monitoring/prometheus-rule.yaml")[0]?.spec;
  deepEqual(rules, parse(read("deploy/prometheus/lyftr.rules.yml")));
  const { endpoints } = objectsIn("monitoring/service-monitor.yaml")[0]?.spec ?? {};
  const { global } = parse(read("deploy/prometheus/prometheus.yml"));
  deepEqual(
    [endpoints[0].interval, endpoints[0].scrapeTimeout],
    [global.scrape_interval, global.scrape_timeout],
  );
});

test("a trailing slash passes the gateway and the ingress: no route of clients is matched exactly", () => {
  for (const file of ["gateway/http-route.yaml", "gateway/ingress.yaml"])
    doesNotMatch(read(`deploy/kubernetes/${file}`), /Exact/, file);
});

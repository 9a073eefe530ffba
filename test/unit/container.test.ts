import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readConfig, VARIABLES } from "../../src/config.ts";
import { type ComposeService, composeServices } from "../support/compose.ts";
import { unlessTool } from "../support/tools.ts";

const root = new URL("../../", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), "utf8");
const dockerfile = read("Dockerfile");
const compose = read("compose.yaml");
const [buildStage = "", runtimeStage = ""] = dockerfile.split(/^FROM /m).slice(1);

/** The sources of the COPY instructions of a stage that come from the checkout. */
function copied(stage: string): readonly string[] {
  const lines = [...stage.matchAll(/^COPY (?!--from)(.+)$/gm)].map(([, rest = ""]) =>
    rest.split(" "),
  );
  return lines.flatMap((words) => words.slice(0, -1));
}

/**
 * Whether .dockerignore, which has plain names and `*.suffix` only, keeps a path out of the build.
 */
function ignored(path: string): boolean {
  return read(".dockerignore")
    .split("\n")
    .filter((line) => line !== "")
    .some((line) =>
      line.startsWith("*")
        ? path.endsWith(line.slice(1))
        : path === line || path.startsWith(`${line}/`),
    );
}

/** `name:1.2.3`, or `name:1.2` for projects with such versions, or a digest. */
const EXACT =
  /@sha256:[0-9a-f]{64}$|^(?:postgres|debian):[0-9]+\.[0-9]+(?:-slim)?$|^[a-z/]+:v?[0-9]+\.[0-9]+\.[0-9]+(?:-slim)?$/;

test("everything the image copies is in the checkout and not ignored", () => {
  const sources = [...copied(buildStage), ...copied(runtimeStage)];
  ok(sources.length >= 7, sources.join(" "));
  for (const source of sources) {
    ok(existsSync(fileURLToPath(new URL(source, root))), `${source} does not exist`);
    equal(ignored(source), false, `${source} is ignored`);
  }
});

test("the image contains the compiled service and what it needs to run, and no sources and no secrets", () => {
  deepEqual(copied(runtimeStage), ["bin"]);
  const built = [...runtimeStage.matchAll(/^COPY --from=build \/build\/(\S+) /gm)].map(
    ([, name]) => name,
  );
  deepEqual(built, ["package.json", "node_modules", "dist"]);
  match(buildStage, /^RUN npm run build && npm prune --omit=dev /m);
  for (const name of [".env", ".git", "node_modules", "data", "dist"])
    ok(ignored(name), `${name} is sent to the builder`);
});

test("the image runs without root, with its data in a volume, and gets signals itself", () => {
  match(runtimeStage, /^USER [1-9][0-9]*:[1-9][0-9]*$/m);
  match(runtimeStage, /^RUN mkdir \/data && chown node:node \/data$/m);
  match(runtimeStage, /^VOLUME \/data$/m);
  match(
    runtimeStage,
    /^ENTRYPOINT \["node", "--max-semi-space-size=8", "--disable-sigusr1", "\/app\/bin\/lyftr\.js"\]$/m,
  );
  match(runtimeStage, /^CMD \["serve"\]$/m);
  match(runtimeStage, /^HEALTHCHECK --interval=30s .*CMD \[.*"healthcheck"\]$/m);
});

test("the image's environment is that of the contract", () => {
  match(
    runtimeStage,
    /^ENV DATABASE_URL=sqlite:\/\/\/\/data\/app\.db HOST=0\.0\.0\.0 PORT=8000 NODE_ENV=production$/m,
  );
  // On a read-only root SQLite has no other folder for sorting, and calls that an I/O error.
  match(runtimeStage, /^ENV SQLITE_TMPDIR=\/data$/m);
});

test("the compose service is that of the contract", () => {
  match(compose, /^services:\n {2}webhook-api:\n/m);
  match(compose, /^ {6}- "8000:8000"$/m);
  match(compose, /^ {6}- webhook-data:\/data$/m);
  match(compose, /^volumes:\n {2}webhook-data:$/m);
  match(
    compose,
    /^ {6}test: \["CMD", "node", "\/app\/bin\/lyftr\.js", "healthcheck"\]\n {6}interval: 30s$/m,
  );
  match(compose, /^ {4}restart: unless-stopped$/m);
  match(compose, /^ {6}WEBHOOK_SECRET: \$\{WEBHOOK_SECRET:-\}$/m);
});

test("the compose service has few rights: read-only, no capabilities, no new privileges", () => {
  match(compose, /^ {4}read_only: true$/m);
  match(compose, /^ {4}tmpfs:\n {6}- \/tmp$/m);
  match(compose, /^ {4}cap_drop:\n {6}- ALL$/m);
  match(compose, /^ {6}- no-new-privileges:true$/m);
});

test("compose waits longer for the service to end than the service waits for its requests", () => {
  const graceSeconds = Number(/^ {4}stop_grace_period: ([0-9]+)s$/m.exec(compose)?.[1]);
  ok(graceSeconds * 1_000 > Number(VARIABLES.drainMs.fallback), `${graceSeconds} s`);
});

const haproxyFile = read("deploy/haproxy.cfg");
const alone = composeServices("compose.yaml");
const services = composeServices("compose.replicas.yaml");
const OBSERVERS = ["prometheus", "alertmanager", "grafana"];
const serviceOf = (name: string): ComposeService => services[name] ?? {};
const REPLICAS = ["replica-1", "replica-2", "replica-3"];

/** Seconds of a duration such as `20s`. */
const seconds = (duration = "") => Number(/^([0-9]+)s$/.exec(duration)?.[1]);

test("plain `docker compose up` still is one service on SQLite; Redis is optional, and the replicas have their own file", () => {
  deepEqual(
    Object.entries(alone).map(([name, { profiles }]) => [name, profiles]),
    [
      ["webhook-api", undefined],
      ["redis", ["redis"]],
      ...OBSERVERS.map((name) => [name, ["observability"]]),
    ],
  );
  const replicated = Object.entries(services).filter(([, { profiles }]) => profiles === undefined);
  deepEqual(replicated.map(([name]) => name).sort(), [
    "haproxy",
    "pgbouncer",
    "postgres",
    ...REPLICAS,
  ]);
});

test("the Redis beside the single service stores nothing, is bounded, reached by no other client, and has few rights", () => {
  const { redis = {}, "webhook-api": api = {} } = alone;
  match(redis.image ?? "", EXACT);
  deepEqual(redis.command, [
    "redis-server",
    "--save",
    "",
    "--appendonly",
    "no",
    "--maxmemory",
    "128mb",
    "--maxmemory-policy",
    "allkeys-lru",
  ]);
  deepEqual(
    [redis.ports, redis.volumes, redis.read_only, redis.cap_drop],
    [undefined, undefined, true, ["ALL"]],
  );
  deepEqual([redis.security_opt, redis.user], [["no-new-privileges:true"], "999:999"]);
  ok((redis.healthcheck?.test.length ?? 0) > 1);
  // Empty means not set: without the profile the service uses no Redis.
  match(api.environment?.REDIS_URL ?? "", /^\$\{REDIS_URL:-\}$/);
  equal(readConfig({ REDIS_URL: "", RATE_LIMIT_PER_IP: "", TRUST_PROXY: "" }).redisUrl, undefined);
  const url = /REDIS_URL=(\S+) docker compose --profile redis up/.exec(compose)?.[1];
  equal(readConfig({ REDIS_URL: url }).redisUrl, "redis://redis:6379");
});

test("every service of the compose files restarts, reports its health, and has few rights", () => {
  for (const [name, service] of [...Object.entries(services), ...Object.entries(alone)]) {
    const { restart, read_only, cap_drop, security_opt } = service;
    const confined = { restart: "unless-stopped", read_only: true, cap_drop: ["ALL"] };
    deepEqual({ restart, read_only, cap_drop }, confined, name);
    deepEqual(security_opt, ["no-new-privileges:true"], name);
    ok((service.healthcheck?.test.length ?? 0) > 1, `${name} has no health check`);
    // Its own, or that of the image.
    if (service.user !== undefined) match(service.user, /^[1-9][0-9]*:([1-9][0-9]*|0)$/, name);
  }
});

test("every image of another project has a digest or an exact version", () => {
  const yaml = readdirSync(new URL("deploy/", root), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => `deploy/${name}`);
  const named = ["compose.yaml", "compose.replicas.yaml", "Dockerfile", ...yaml].flatMap((file) =>
    [
      ...readFileSync(new URL(file, root), "utf8").matchAll(
        /^\s*(?:- )?(?:image:|FROM) +"?([^\s"]+)/gm,
      ),
    ]
      .map(([, image = ""]) => ({ file, image }))
      .filter(({ image }) => !/^lyftr(-pgbouncer)?(:[0-9.]+)?$/.test(image)),
  );
  ok(named.length >= 8, `${named.length}`);
  for (const { file, image } of named) match(image, EXACT, file);
  const { node } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")).devDependencies;
  const bases = named.filter(({ file }) => file === "Dockerfile").map(({ image }) => image);
  deepEqual([...new Set(bases)], [`node:${node}-slim`], "the Node.js that the tests run on");
});

test("foreign images are pinned, and nothing is published except the load balancer, and monitoring to this machine", () => {
  for (const name of ["haproxy", "postgres"]) match(serviceOf(name).image ?? "", EXACT, name);
  const { build } = serviceOf("pgbouncer");
  match(
    typeof build === "object" ? build.dockerfile_inline : "",
    /^FROM debian:[0-9]+\.[0-9]+-slim$/m,
  );
  for (const name of OBSERVERS)
    match(serviceOf(name).image ?? "", /^[a-z]+\/[a-z]+:v?[0-9]+\.[0-9]+\.[0-9]+$/, name);
  deepEqual(
    Object.entries(services).flatMap(([name, { ports = [] }]) =>
      ports.map((port) => `${name} ${port}`),
    ),
    [
      "haproxy 8000:8000",
      "prometheus 127.0.0.1:9090:9090",
      "alertmanager 127.0.0.1:9093:9093",
      "grafana 127.0.0.1:3000:3000",
    ],
  );
});

test("no secret is in the files: each comes from the environment, and a missing one is named", () => {
  match(
    serviceOf("replica-1").environment?.WEBHOOK_SECRET ?? "",
    /^\$\{WEBHOOK_SECRET:\?set it in .+\}$/,
  );
  match(
    serviceOf("postgres").environment?.POSTGRES_PASSWORD ?? "",
    /^\$\{POSTGRES_PASSWORD:\?set it in .+\}$/,
  );
  match(
    serviceOf("replica-1").environment?.ADMIN_API_KEY ?? "",
    /^\$\{ADMIN_API_KEY:\?set it in .+\}$/,
  );
  for (const { environment = {} } of [...Object.values(services), ...Object.values(alone)]) {
    for (const [name, value] of Object.entries(environment))
      if (/SECRET|PASSWORD|KEY/.test(name)) match(value, /^\$\{[A-Z_]+(:\?.+|:-)?\}$/, name);
  }
  doesNotMatch(
    read("deploy/pgbouncer.ini") + read("deploy/postgres-init.sql"),
    /password *=|PASSWORD '/i,
  );
});

test("reading from the replicas needs a key, and clients cannot forge their address", () => {
  const { READ_AUTH, TRUST_PROXY } = serviceOf("replica-1").environment ?? {};
  deepEqual([READ_AUTH, TRUST_PROXY], ["required", "uniquelocal"]);
  match(haproxyFile, /http-request del-header x-forwarded-for\n +option forwardfor\n/);
});

test("the checks of HAProxy, one a second for each replica, are not logged", () => {
  match(serviceOf("replica-1").environment?.LOG_HEALTH ?? "", /^\$\{LOG_HEALTH:-0\}$/);
});

test("every replica is the same service on the database behind PgBouncer", () => {
  for (const name of REPLICAS) deepEqual(serviceOf(name), serviceOf("replica-1"), name);
  const replica = serviceOf("replica-1");
  const url = (replica.environment?.DATABASE_URL ?? "").replace(
    /\$\{POSTGRES_PASSWORD\}/,
    "0123456789abcdef",
  );
  equal(
    readConfig({ DATABASE_URL: url }).databaseUrl,
    "postgres://lyftr:0123456789abcdef@pgbouncer:6432/lyftr",
  );
  deepEqual(replica.healthcheck?.test, [
    "CMD",
    "node",
    "/app/bin/lyftr.js",
    "healthcheck",
    "--ready",
  ]);
  ok(seconds(replica.stop_grace_period) * 1_000 > Number(VARIABLES.drainMs.fallback));
  // The image declares a volume for /data, which each replica would leave behind.
  ok(replica.tmpfs?.includes("/data"));
});

test("files that the services mount exist, and are mounted read-only", () => {
  const mounted = Object.values(services).flatMap(({ volumes = [] }) =>
    volumes.filter((path) => path.startsWith("./")),
  );
  equal(mounted.length, 7);
  for (const mount of mounted) {
    const [path = "", , mode] = mount.split(":");
    ok(existsSync(fileURLToPath(new URL(path, root))), `${path} does not exist`);
    equal(mode, "ro", mount);
  }
});

test("PgBouncer shares its connections per transaction, and has only default rights", () => {
  const settings = read("deploy/pgbouncer.ini");
  match(settings, /^pool_mode = transaction$/m);
  doesNotMatch(
    settings,
    /^(ignore_startup_parameters|max_prepared_statements|server_reset_query)/m,
  );
  const port = /^listen_port = ([0-9]+)$/m.exec(settings)?.[1];
  ok(serviceOf("replica-1").environment?.DATABASE_URL?.includes(`@pgbouncer:${port}/`));
  const file = /^auth_file = (.+)$/m.exec(settings)?.[1] ?? "none";
  ok(serviceOf("pgbouncer").command?.at(-1)?.includes(`>${file} `));
});

test("the load balancer checks each replica's readiness, retries only requests that were not taken, and drains", () => {
  for (const name of REPLICAS)
    match(haproxyFile, new RegExp(`^ {2}server ${name} ${name}:8000$`, "m"));
  match(haproxyFile, /^ {2}option httpchk$/m);
  match(haproxyFile, /^ {2}http-check send meth GET uri \/health\/ready$/m);
  match(haproxyFile, /^ {2}retry-on conn-failure empty-response$/m);
  const drain = /^ {2}hard-stop-after ([0-9]+s)$/m.exec(haproxyFile)?.[1];
  ok(seconds(serviceOf("haproxy").stop_grace_period) > seconds(drain));
});

test("the load balancer logs routes, not paths or query strings, which may contain phone numbers and texts", () => {
  const format = /^ {2}log-format "(.+)"$/m.exec(haproxyFile)?.[1] ?? "";
  match(format, /%HM %\[var\(txn\.route\)\]/);
  doesNotMatch(format, /%(r|\{.*\}r|HP|HPO|HU|HQ|hr|hs)\b/);
  doesNotMatch(haproxyFile, /^ *option (httplog|httpslog|tcplog)/m);
});

test("HAProxy accepts its configuration", { skip: unlessTool("haproxy") }, () => {
  const path = fileURLToPath(new URL("deploy/haproxy.cfg", root));
  const { status, stdout, stderr } = spawnSync("haproxy", ["-c", "-V", "-f", path], {
    encoding: "utf8",
  });
  equal(status, 0, stderr);
  doesNotMatch(stdout + stderr, /WARNING|ALERT/);
});

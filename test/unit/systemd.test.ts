import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Config, readConfig, VARIABLES } from "../../src/config.ts";
import { temporaryFolder } from "../support/cli.ts";
import { unitEnvironment, unitSettings, unitText } from "../support/systemd-unit.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("systemd-analyze");
const FOLDER = fileURLToPath(new URL("../../deploy/systemd/", import.meta.url));
/**
 * Tenths of systemd's measure, 0 to 100. The rest is the network, the host's root and V8's compiled
 * code.
 */
const EXPOSURE_MAX = 12;
const UNITS = readdirSync(FOLDER).filter((name) => /\.(service|timer)$/.test(name));
const POSTGRES = "lyftr.service.d/postgres.conf";

/** The output of systemd for the units, after `change` to one of them. */
function verified(change: { readonly file: string; readonly line: string }) {
  using folder = temporaryFolder();
  cpSync(FOLDER, folder.path, { recursive: true });
  for (const name of UNITS) {
    const text = readFileSync(folder.file(name), "utf8");
    // The Node.js of this machine, wherever it is.
    writeFileSync(folder.file(name), text.replace("/usr/bin/node ", `${process.execPath} `));
  }
  const changed = `${readFileSync(folder.file(change.file), "utf8")}\n${change.line}\n`;
  writeFileSync(folder.file(change.file), changed);
  const paths = UNITS.map((name) => folder.file(name));
  const { stdout, stderr, status } = spawnSync(
    "systemd-analyze",
    ["verify", "--man=no", ...paths],
    {
      encoding: "utf8",
    },
  );
  return { said: stdout + stderr, status };
}

/** The configuration of the service by its unit, or by its unit and additions. */
function configurationOf(...names: readonly string[]): Config {
  using folder = temporaryFolder();
  const settings = unitSettings(...names);
  for (const credential of settings.get("LoadCredential") ?? []) {
    const [name = "", path] = credential.split(":");
    equal(path, `/etc/lyftr/${name}`);
    const value =
      name === "database-url" ? "postgres://lyftr:hidden@db:5432/lyftr" : "k".repeat(64);
    writeFileSync(folder.file(name), value);
  }
  return readConfig(unitEnvironment(settings, { state: "/var/lib", credentials: folder.path }));
}

test("systemd accepts the units and the addition for PostgreSQL", { skip }, () => {
  deepEqual(verified({ file: "lyftr.service", line: "" }), { said: "", status: 0 });
  for (const file of ["lyftr.service", POSTGRES])
    match(
      verified({ file, line: "[Service]\nProtectSytem=yes" }).said,
      /Unknown key.*ProtectSytem/,
      file,
    );
});

for (const name of UNITS.filter((unit) => unit.endsWith(".service"))) {
  test(`${name} has few rights: systemd's measure of its exposure is at most ${EXPOSURE_MAX / 10}`, {
    skip,
  }, () => {
    const args = [
      "security",
      "--offline=true",
      "--no-pager",
      `--threshold=${EXPOSURE_MAX}`,
      `${FOLDER}${name}`,
    ];
    const { status, stdout, stderr } = spawnSync("systemd-analyze", args, { encoding: "utf8" });
    equal(
      status,
      0,
      stderr +
        stdout
          .split("\n")
          .filter((line) => !line.startsWith("✓"))
          .join("\n"),
    );
  });
}

test("the configuration of the unit is accepted: SQLite in its own folder, secrets from credentials, one trusted proxy", () => {
  const { databaseUrl, host, readAuth, adminApiKey } = configurationOf("lyftr.service");
  deepEqual(
    [databaseUrl, host, readAuth],
    ["sqlite:////var/lib/lyftr/app.db", "127.0.0.1", "required"],
  );
  equal(adminApiKey, "k".repeat(64));
  const backup = unitEnvironment(unitSettings("lyftr-backup.service"), {
    state: "/var/lib",
    credentials: "",
  });
  equal(backup.DATABASE_URL, databaseUrl);
});

test("the addition for PostgreSQL replaces the database, and retries a start while the server is unavailable", () => {
  equal(
    configurationOf("lyftr.service", POSTGRES).databaseUrl,
    "postgres://lyftr:hidden@db:5432/lyftr",
  );
  deepEqual(unitSettings("lyftr.service").get("RestartPreventExitStatus"), ["2"]);
  deepEqual(unitSettings("lyftr.service", POSTGRES).get("RestartPreventExitStatus"), []);
});

test("systemd waits longer for the service to end than the service and its workers take", () => {
  const settings = unitSettings("lyftr.service");
  const workersMs = 5_000;
  ok(
    Number(settings.get("TimeoutStopSec")?.[0]) * 1_000 >
      Number(VARIABLES.drainMs.fallback) + workersMs,
  );
  deepEqual([settings.get("KillSignal"), settings.get("Restart")], [["SIGTERM"], ["on-failure"]]);
});

test("both services run as the same user, and the backup has no network", () => {
  const [service, backup] = [unitSettings("lyftr.service"), unitSettings("lyftr-backup.service")];
  for (const key of [
    "User",
    "DynamicUser",
    "SystemCallFilter",
    "ProtectSystem",
    "CapabilityBoundingSet",
  ])
    deepEqual(backup.get(key), service.get(key), key);
  deepEqual(
    [backup.get("PrivateNetwork"), backup.get("StateDirectory")],
    [["yes"], ["lyftr lyftr-backups"]],
  );
});

test("no secret is in a unit, and the document says how each is given", () => {
  const document = readFileSync(
    new URL("../../docs/deployment/systemd.md", import.meta.url),
    "utf8",
  );
  for (const name of [...UNITS, POSTGRES])
    for (const [, path = ""] of unitText(name).matchAll(/^LoadCredential=[a-z-]+:(.+)$/gm))
      ok(document.includes(path), `${path} is not in docs/deployment/systemd.md`);
});

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { scrape } from "../support/client.ts";
import { startService } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));
const ROOT = new URL("../../", import.meta.url);
const RUN_MS_MAX = 240_000;

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const groups: readonly { readonly rules: readonly Rule[] }[] = parse(
  deployed("prometheus/lyftr.rules.yml"),
).groups;
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);

function deployed(path: string): string {
  return readFileSync(`${DEPLOY}${path}`, "utf8");
}

/** Runs a tool in deploy/, and shows its output when it fails. */
function passes(command: string, ...args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: DEPLOY,
    encoding: "utf8",
    timeout: RUN_MS_MAX,
  });
  equal(status, 0, `${stdout}${stderr}`);
}

function page(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/** The names of the alerts with a runbook on a page. */
function runbooksOf(path: string): readonly string[] {
  return [...page(path).matchAll(/^## (Lyftr\w+)$/gm)].map(([, name = ""]) => name);
}

test("promtool accepts the rules and the configuration of Prometheus", {
  skip: unlessTool("promtool"),
}, () => {
  passes("promtool", "check", "rules", "prometheus/lyftr.rules.yml");
  passes("promtool", "check", "config", "prometheus/prometheus.yml");
});

test("amtool accepts the configuration of Alertmanager", { skip: unlessTool("amtool") }, () => {
  passes("amtool", "check-config", "alertmanager/alertmanager.yml");
});

test("each alert fires when it should and stays quiet when it should not", {
  skip: unlessTool("promtool"),
}, () => {
  const files = readdirSync(`${DEPLOY}prometheus`).filter((name) => name.endsWith(".test.yml"));
  equal(files.length, 3);
  for (const file of files) passes("promtool", "test", "rules", `prometheus/${file}`);
});

test("each alert has its own test that sees it fire", () => {
  const tests = ["pages", "tickets", "days"]
    .map((name) => deployed(`prometheus/${name}.test.yml`))
    .join("");
  ok(alerts.length > 30);
  for (const { alert = "" } of alerts)
    match(tests, new RegExp(`alertname(="|: )${alert}\\b[^]*?(exp_samples|exp_alerts):`), alert);
});

test("each alert says what is wrong and how severe it is, and links to an existing runbook", () => {
  for (const { alert = "", labels, annotations = {} } of alerts) {
    match(labels?.severity ?? "", alert === "LyftrWatchdog" ? /^none$/ : /^(page|ticket)$/, alert);
    for (const name of ["summary", "description"])
      match(annotations[name] ?? "", /^\S.*\.$/, `${alert} ${name}`);
    const runbook = `docs/operations/runbooks/${labels?.severity === "ticket" ? "tickets" : "pages"}.md`;
    equal(
      annotations.runbook_url,
      `{{ $externalLabels.runbook_base }}${runbook}#${alert.toLowerCase()}`,
    );
    ok(runbooksOf(runbook).includes(alert), `${alert} has no runbook in ${runbook}`);
  }
});

test("the runbooks are about existing alerts", () => {
  const described = ["pages", "tickets"].flatMap((name) =>
    runbooksOf(`docs/operations/runbooks/${name}.md`),
  );
  deepEqual(described.toSorted(), alerts.map(({ alert }) => alert).toSorted());
});

test("the table of docs/operations/alerts.md names each alert with its severity, and no other", () => {
  const rows = page("docs/operations/alerts.md").matchAll(
    /^\| \[`(Lyftr\w+)`\]\([\w/.#]+\) \| (\w+) \|/gm,
  );
  const described = [...rows].map((row) => row.slice(1, 3));
  const existing = alerts.map(({ alert, labels }) => [alert, labels?.severity]);
  deepEqual(described.toSorted(), existing.toSorted());
});

test("every metric that docs/operations/metrics.md says to alert on has a rule", () => {
  const expressions = alerts.map(({ expr }) => expr).join("\n");
  const lines = page("docs/operations/metrics.md").split("\n");
  const rows = lines.filter((line) => /^\| `[a-z_]+`.*\bAlert (on|above)\b/.test(line));
  ok(rows.length >= 4, "there are fewer such rows than there were");
  for (const row of rows) {
    const names = [...(row.split("|")[1] ?? "").matchAll(/`([a-z_]+)`/g)].map(
      ([, name = ""]) => name,
    );
    ok(
      names.some((name) => expressions.includes(name)),
      `no alert is about ${names.join(", ")}`,
    );
  }
});

test("the rules use existing metrics, only of our jobs", async () => {
  await using service = await startService();
  const families = [...(await scrape(service)).matchAll(/^# TYPE (\S+) /gm)].map(
    ([, name = ""]) => name,
  );
  const known = new Set(["up", ...families, ...families.map((name) => `${name}_bucket`)]);
  const recorded = new Set(rules.map(({ record }) => record));
  for (const { alert, record, expr } of rules) {
    for (const [, name = "", selector = ""] of expr.matchAll(
      /([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}/g,
    )) {
      ok(known.has(name), `${alert ?? record} asks for ${name}`);
      ok(selector.startsWith('job=~"lyftr.*"'), `${alert ?? record} reads ${name} of all jobs`);
    }
    for (const [name] of expr.matchAll(/job:\w+:\w+/g))
      ok(recorded.has(name), `${alert ?? record} asks for ${name}`);
  }
});

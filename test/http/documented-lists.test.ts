import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { COMMAND_NAMES } from "../../src/cli/cli.ts";
import { VARIABLES } from "../../src/config.ts";
import { MESSAGE_BODY } from "../../src/http/routes/webhook.ts";
import { routesDuring } from "../support/route-list.ts";
import { startService } from "../support/service.ts";

/** Other paths of health checks, which OpenAPI need not repeat. */
const ALIASES = ["GET /healthz", "GET /livez", "GET /readyz"];
const DESCRIPTION = ["GET /docs", "GET /openapi.json"];
/** The dashboard, which is for people. */
const DASHBOARD = ["GET /", "GET /favicon.ico", "GET /ui"];

const started: Awaited<ReturnType<typeof startService>>[] = [];
const routes = await routesDuring(async () => {
  started.push(await startService());
});
after(async () => {
  for (const service of started) await service[Symbol.asyncDispose]();
});

/**
 * What a client may request; HEAD is implied by GET, and the files of a page by that page.
 */
const served = [
  ...new Set(
    routes
      .filter(({ method, url }) => method !== "HEAD" && !/^\/(docs|ui)\//.test(url))
      .map(({ method, url }) => `${method} ${url.replace(/:(\w+)/g, "{$1}")}`),
  ),
].sort();

const document = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");

/** The rows of the table with this first heading, as cells. */
function tableOf(text: string, heading: string): readonly (readonly string[])[] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => new RegExp(`^\\| ${heading} +\\|`).test(line));
  ok(start >= 0, `there is no table of ${heading}`);
  const end = lines.findIndex((line, at) => at > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) =>
    line
      .split("|")
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
}

const quoted = (cell = "") => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);

test("docs/http-api.md has every route that is served, and no other", () => {
  const named = tableOf(document("docs/http-api.md"), "route").flatMap(([first]) => quoted(first));
  deepEqual(named.sort(), served);
});

test("the OpenAPI description has every route", async () => {
  const { paths } = (await (await fetch(`${started[0]?.url}/openapi.json`)).json()) as {
    readonly paths: Readonly<Record<string, object>>;
  };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  deepEqual([...described, ...ALIASES, ...DESCRIPTION, ...DASHBOARD].sort(), served);
});

test("docs/cli.md has every command, and no other", () => {
  const named = tableOf(document("docs/cli.md"), "command").map(
    ([first]) => quoted(first)[0]?.split(" ")[1],
  );
  deepEqual([...new Set(named)].sort(), [...COMMAND_NAMES].sort());
});

test("docs/configuration.md has every environment variable with its default, and no other", () => {
  const rows = tableOf(document("docs/configuration.md"), "variable");
  const variables = Object.values(VARIABLES);
  deepEqual(
    rows.flatMap(([first]) => quoted(first)).sort(),
    variables.map(({ name }) => name).sort(),
  );
  for (const [first = "", told, meaning = ""] of rows) {
    ok(meaning.length > 10, first);
    const { fallback } = variables.find(({ name }) => name === quoted(first)[0]) ?? {};
    equal(told, fallback === undefined ? "none" : `\`${fallback}\``, first);
  }
});

test("docs/sending.md has every field of a message, whether it is required, and its limits", () => {
  const rows = new Map(
    tableOf(document("docs/sending.md"), "field").map(
      ([first = "", ...cells]) => [quoted(first)[0] ?? first, cells] as const,
    ),
  );
  deepEqual([...rows.keys()].sort(), Object.keys(MESSAGE_BODY.properties).sort());
  for (const [name, [needed, rules = ""]] of rows) {
    equal(needed, MESSAGE_BODY.required?.includes(name) ? "yes" : "no", name);
    ok(rules.length > 20, name);
    const described = JSON.stringify(MESSAGE_BODY.properties[name]);
    for (const [bound = ""] of described.matchAll(/\b(1024|4096)\b/g))
      ok(rules.replaceAll(",", "").includes(bound), `${name}: ${bound}`);
  }
});

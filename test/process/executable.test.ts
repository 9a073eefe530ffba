import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { attachedFiles } from "../../scripts/build-executable.ts";
import { readPackages } from "../../scripts/lockfile.ts";
import { walkThrough } from "../support/acceptance-walk.ts";
import { temporaryFolder } from "../support/cli.ts";
import { scrape } from "../support/client.ts";
import { opensDashboard } from "../support/dashboard.ts";
import { copyCheckout } from "../support/package.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { runLyftr, serve } from "../support/process.ts";
import { body, getJson, post } from "../support/service.ts";

// The executable where there is no Node: alone in a folder, with nothing on PATH.

const BUILD_MS_MAX = 120_000;
const PATH = "/nowhere";
const folder = temporaryFolder();
const clone = folder.file("clone");
const command = [folder.file("lyftr")] as const;

before(() => {
  copyCheckout(clone);
  const run = (...args: readonly string[]) =>
    execFileSync(process.execPath, args, {
      cwd: clone,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: BUILD_MS_MAX,
    });
  run("scripts/build.ts");
  run("scripts/build-executable.ts", command[0]);
});
after(() => folder[Symbol.dispose]());

/** A home, a folder for temporary files and a working folder, all empty. */
function emptyPlace(name: string) {
  const [cwd, home] = [folder.file(name), folder.file(`${name}-home`)];
  for (const path of [cwd, home]) mkdirSync(path);
  return { cwd, home, env: { PATH, HOME: home, TMPDIR: home } };
}

test("the executable passes the acceptance walk with no Node on PATH, and writes nothing but its database", async () => {
  const { cwd, home, env } = emptyPlace("walk");
  await using lyftr = await serve({ command, cwd, env });
  await walkThrough(lyftr);
  equal(lyftr.stderr(), "");
  deepEqual(readdirSync(home), []);
  deepEqual(readdirSync(cwd), ["data"]);
  ok(readdirSync(join(cwd, "data")).every((name) => name.startsWith("app.db")));
});

test("the documentation page and the other commands are in the executable too", async (t) => {
  const { cwd, env } = emptyPlace("commands");
  const { version } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  );
  const run = async (...args: readonly string[]) => {
    await using lyftr = runLyftr(args, {
      command,
      cwd,
      env: { ...env, WEBHOOK_SECRET: "testsecret" },
    });
    equal(await lyftr.ended, 0, lyftr.stderr());
    return lyftr.stdout();
  };
  equal(await run("--version"), `${version}\n`);
  const facts = JSON.parse(await run("version", "--json"));
  deepEqual([facts.form, facts.node], ["executable", process.versions.node]);
  await using lyftr = await serve({ command, cwd, env });
  const page = await (await fetch(`${lyftr.url}/docs/`)).text();
  match(page, /swagger-ui/);
  equal((await fetch(`${lyftr.url}/docs/static/swagger-ui-bundle.js`)).status, 200);
  await opensDashboard(lyftr.url);
  equal((await post(lyftr.url, body())).status, 200);
  match(await run("send", "--url", lyftr.url, "--from", "+1", "--to", "+2"), /^accepted 1\n/);
  await run("backup", "copy.db");
  match(await run("verify"), /./);
  await run("healthcheck", "--url", lyftr.url);
  t.diagnostic(`${statSync(command[0]).size} bytes`);
});

test("several workers of the executable share a port, on PostgreSQL", {
  skip: unlessPostgres(),
}, async () => {
  const { cwd, env } = emptyPlace("workers");
  await using database = await freshDatabase();
  await using lyftr = await serve({
    command,
    cwd,
    env: { ...env, DATABASE_URL: database.url, WORKERS: "2" },
  });
  for (const id of ["m1", "m2", "m3"])
    equal((await post(lyftr.url, body({ message_id: id }))).status, 200);
  equal((await getJson(`${lyftr.url}/messages`)).total, 3);
  match(await scrape(lyftr), /^workers_alive 2$/m);
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0, lyftr.stderr());
});

test("exactly the runtime packages of the lockfile are attached, with their licences and the client", () => {
  const names = Object.keys(attachedFiles(clone));
  const runtime = Object.entries(readPackages()).filter(([, { dev }]) => dev !== true);
  for (const [path] of runtime) ok(names.includes(`${path}/package.json`), path);
  const packages = new Set(
    names.map((name) => /^node_modules\/(?:.*node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(name)?.[0]),
  );
  deepEqual(
    [...packages].filter((name) => name !== undefined && !runtime.some(([path]) => path === name)),
    [],
  );
  ok(names.includes("dist/client/client.js"));
  ok(!names.some((name) => /\.(d\.ts|map|ts)$/.test(name)));
  ok(names.includes("node_modules/pg/LICENSE"));
});

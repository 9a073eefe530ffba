import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryFolder } from "../support/cli.ts";
import { listMessages } from "../support/client.ts";
import { SECRET, startService } from "../support/service.ts";

// The package as a user installs it, in a folder without this repository, on every runtime of this
// machine.

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TSC = join(ROOT, "node_modules/.bin/tsc");
const RUN_MS_MAX = 30_000;
const folder = temporaryFolder();

const PROGRAM = `
import { LyftrClient, LyftrError, Outbox } from "lyftr/client";
const [url, run] = process.argv.slice(2);
const client = new LyftrClient({ url, secret: "${SECRET}" });
const message = (id) => ({ message_id: run + "-" + id, from: "+1", to: "+2", ts: "2025-01-15T10:00:00Z", text: "Grüße 👋" });
function* some() { for (let at = 0; at < 150; at++) yield message("many-" + at); }
const seen = [];
seen.push((await client.send(message("one"))).status);
const { sent, failed } = await client.sendMany(some());
seen.push({ sent, failed });
seen.push((await client.message(run + "-one")).text);
seen.push(await client.message(run + "-none") === undefined);
let listed = 0;
for await (const { message_id } of client.messages({ q: "grüße" })) if (message_id.startsWith(run + "-many")) listed++;
seen.push(listed);
seen.push((await client.stats()).senders_count);
const kind = (error) => error instanceof LyftrError ? error.kind : String(error);
seen.push(await new LyftrClient({ url, secret: "another" }).send(message("x")).catch(kind));
seen.push(await new LyftrClient({ url: "http://127.0.0.1:9", secret: "x", deadlineMs: 200 }).send(message("x")).catch(kind));
seen.push(await client.send(message("x"), { signal: AbortSignal.abort() }).catch(kind));
const outbox = await Outbox.open(run + ".outbox", client);
seen.push(await Outbox.open(run + ".outbox", client).catch(({ code }) => code));
await Promise.all(["a", "b", "c"].map((id) => outbox.append(message("outbox-" + id))));
await outbox.drained();
seen.push(outbox.pending);
await outbox.close();
console.log(JSON.stringify(seen));
`;

const SEEN = [
  "ok",
  { sent: 150, failed: 0 },
  "Grüße 👋",
  true,
  150,
  1,
  "unauthorized",
  "network",
  "aborted",
  "IN_USE",
  0,
];

before(() => {
  const home = join(folder.path, "node_modules/lyftr");
  mkdirSync(home, { recursive: true });
  cpSync(join(ROOT, "package.json"), join(home, "package.json"));
  execFileSync(
    TSC,
    ["-p", join(ROOT, "tsconfig.client.json"), "--outDir", join(home, "dist/client")],
    {
      stdio: "pipe",
    },
  );
  const stranger = { type: "module", dependencies: { lyftr: "*" } };
  writeFileSync(join(folder.path, "package.json"), JSON.stringify(stranger));
  writeFileSync(join(folder.path, "program.mjs"), PROGRAM);
});

after(() => folder[Symbol.dispose]());

interface Runtime {
  readonly name: string;
  readonly command: readonly string[];
}

/** The Node of the checkout, and any others on PATH. */
function runtimes(): readonly Runtime[] {
  const found = new Map<string, Runtime>();
  const add = (name: string, program: string, args: readonly string[] = []) => {
    const { stdout, error } = spawnSync(program, ["--version"], { encoding: "utf8" });
    const version = /[0-9]+\.[0-9.]+/.exec(stdout ?? "")?.[0];
    const key = `${name} ${version}`;
    if (error === undefined && version !== undefined)
      found.set(key, { name: key, command: [program, ...args] });
  };
  add("Node", process.execPath);
  for (const path of (process.env.PATH ?? "").split(":").filter((one) => one !== "")) {
    add("Node", join(path, "node"));
    add("Deno", join(path, "deno"), ["run", "--quiet", "--allow-all", "--node-modules-dir=manual"]);
    add("Bun", join(path, "bun"));
  }
  return [...found.values()];
}

for (const { name, command } of runtimes()) {
  test(`the built client works completely on ${name}`, async () => {
    await using service = await startService();
    const run = name.replace(/[^a-z0-9]/gi, "");
    const [program = "", ...args] = command;
    const options = { cwd: folder.path, timeout: RUN_MS_MAX };
    const { stdout } = await promisify(execFile)(
      program,
      [...args, "program.mjs", service.url, run],
      options,
    );
    deepEqual(JSON.parse(stdout), SEEN);
    equal((await listMessages(service, "?limit=1")).total, 154);
  });
}

test("the tested runtimes are reported, and one is the Node that the package is built with", (t) => {
  const names = runtimes().map(({ name }) => name);
  ok(names.includes(`Node ${process.versions.node}`));
  t.diagnostic(`tested: ${names.join(", ")}`);
  for (const wanted of ["Node 20.", "Deno ", "Bun "])
    if (!names.some((name) => name.startsWith(wanted)))
      t.diagnostic(`LEFT OUT: ${wanted.trim()} is not on PATH`);
});

test("the package exports the client with its types, its package.json and its command, and nothing of the service", () => {
  const { exports, files } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  deepEqual(Object.keys(exports), ["./client", "./bin/lyftr.js", "./package.json"]);
  for (const path of Object.values(exports["./client"]))
    ok(realpathSync(join(folder.path, "node_modules/lyftr", `${path}`)));
  ok(files.includes("dist"));
});

test("the types are enough for a strict program, and refuse a wrong one", () => {
  const options = {
    strict: true,
    exactOptionalPropertyTypes: true,
    module: "nodenext",
    target: "es2022",
    noEmit: true,
  };
  const types = { types: ["node"], typeRoots: [join(ROOT, "node_modules/@types")] };
  const config = (file: string) =>
    JSON.stringify({
      compilerOptions: { ...options, ...types, skipLibCheck: false },
      files: [file],
    });
  const good = `import { LyftrClient, LyftrError, type LyftrErrorKind, type Message, Outbox } from "lyftr/client";
    const client = new LyftrClient({ url: "http://localhost:8000", secret: process.env.SECRET, fetch });
    const message: Message = { message_id: "m1", from: "+1", to: "+2", ts: "2025-01-15T10:00:00Z" };
    const { attempts }: { attempts: number } = await client.send(message, { signal: AbortSignal.timeout(5) });
    const kind: LyftrErrorKind | undefined = new Error() instanceof LyftrError ? "usage" : undefined;
    for await (const { text } of client.messages({ order: "desc" })) console.log(text?.length, attempts, kind);
    const outbox: Outbox = await Outbox.open("x", client, { onRefused: ({ message }) => console.log(message.from) });
    await outbox.append(message);`;
  writeFileSync(join(folder.path, "good.ts"), good);
  writeFileSync(join(folder.path, "wrong.ts"), good.replace('message_id: "m1", ', ""));
  const check = (file: string) => {
    writeFileSync(join(folder.path, "tsconfig.json"), config(file));
    return spawnSync(TSC, ["-p", folder.path], { encoding: "utf8" });
  };
  equal(check("good.ts").stdout, "");
  match(check("wrong.ts").stdout, /message_id/);
});

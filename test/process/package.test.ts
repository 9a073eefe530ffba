import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readPackages } from "../../scripts/lockfile.ts";
import { opensDashboard } from "../support/dashboard.ts";
import { type InstalledPackage, installPackage } from "../support/package.ts";
import { body, getJson, post, startService } from "../support/service.ts";

// What a user gets who has the tarball and nothing of this repository.

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TARBALL_BYTES_MAX = 5_000_000;
const READY_MS_MAX = 20_000;
const RUN_MS_MAX = 60_000;
let installed: InstalledPackage;

before(() => {
  installed = installPackage();
});
after(() => installed[Symbol.dispose]());

const unpacked = (path = "") => join(installed.home, "node_modules/lyftr", path);
const filesBelow = (folder: string, ending: string) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(ending),
  );

interface Packed {
  readonly path: string;
  readonly mode: string;
}

function packed(): readonly Packed[] {
  const lines = execFileSync("tar", ["--list", "--verbose", "--file", installed.tarball], {
    encoding: "utf8",
  });
  return lines
    .trim()
    .split("\n")
    .map((line) => ({
      mode: line.slice(0, 10),
      path: line.slice(line.indexOf("package/") + "package/".length),
    }));
}

/** Runs one command of the installed package with npx, to its end. */
function npx(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const options = {
    cwd: installed.home,
    env: { ...installed.env, ...env },
    timeout: RUN_MS_MAX,
  } as const;
  const { status, stdout, stderr } = spawnSync("npx", ["lyftr", ...args], {
    ...options,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

/**
 * Starts a command that serves, until its output has the URL, in its own process group, like a
 * terminal.
 */
async function served(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const options = {
    cwd: installed.home,
    env: { ...installed.env, HOST: "127.0.0.1", PORT: "0", ...env },
    detached: true,
  };
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => (said += text));
  // Closed when the last process that writes to it has ended, not only the first.
  const ended = once(child, "close").then(([code, signal]) => code ?? signal);
  const end = (signal: NodeJS.Signals) => process.kill(-(child.pid ?? 0), signal);
  const dispose = async () => {
    // Nothing is left of the group when all went well.
    if (child.stdout.closed) return;
    end("SIGKILL");
    await ended;
  };
  const late = setTimeout(end, READY_MS_MAX, "SIGKILL");
  for (;;) {
    const found = /"listening","url":"([^"]+)"|Look around:\n {2}(\S+)\/docs/.exec(said);
    if (found !== null) clearTimeout(late);
    const url = found?.[1] ?? found?.[2];
    if (url !== undefined)
      return { url, end, said: () => said, ended, [Symbol.asyncDispose]: dispose };
    ok(child.exitCode === null && child.signalCode === null, said);
    await Promise.race([once(child.stdout, "data"), once(child.stderr, "data"), ended]);
  }
}

/** The files of the dashboard, whose names have a hash of their content. */
const WEB_FILE =
  /^dist\/web\/(licenses\.txt|index\.html(\.br|\.gz)?|assets\/[\w-]+-[\w-]{8}\.(js|css|svg)(\.br|\.gz)?)$/;

test("the tarball has the compiled service, the client with its types, the SQL and the documents, and nothing else", (t) => {
  const paths = packed().map(({ path }) => path);
  const compiled = (folder: string, to: string) =>
    filesBelow(folder, ".ts").map((name) => `${to}${name.slice(0, -3)}`);
  const wanted = [
    "package.json",
    "npm-shrinkwrap.json",
    "bin/lyftr.js",
    "LICENSE",
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ...compiled("src", "dist/").map((path) => `${path}.js`),
    ...compiled("client", "dist/client/").flatMap((path) => [`${path}.js`, `${path}.d.ts`]),
    ...filesBelow("src", ".sql").map((name) => `dist/${name}`),
    ...["docs", "deploy"].flatMap((folder) =>
      filesBelow(folder, "").map((name) => `${folder}/${name}`),
    ),
  ].filter(
    (path) =>
      path.startsWith("dist/") ||
      statSync(join(ROOT, path), { throwIfNoEntry: false })?.isDirectory() !== true,
  );
  const web = paths.filter((path) => WEB_FILE.test(path));
  for (const file of ["index.html", "index.html.br", "index.html.gz", "licenses.txt"])
    ok(web.includes(`dist/web/${file}`), file);
  ok(web.some((path) => path.endsWith(".js.br")) && web.some((path) => path.endsWith(".css.gz")));
  deepEqual(paths.filter((path) => !web.includes(path)).sort(), [...wanted].sort());
  const { size } = statSync(installed.tarball);
  t.diagnostic(`${size} bytes, ${paths.length} files`);
  ok(size <= TARBALL_BYTES_MAX, `${size} bytes`);
});

test("only the command is executable, and a shell finds its interpreter", () => {
  const executable = packed().filter(({ mode }) => mode.includes("x"));
  deepEqual(executable, [{ path: "bin/lyftr.js", mode: "-rwxr-xr-x" }]);
  match(readFileSync(unpacked("bin/lyftr.js"), "utf8"), /^#!\/usr\/bin\/env node\n/);
  const maps = packed().filter(({ path }) => path.endsWith(".js"));
  for (const { path } of maps)
    ok(!readFileSync(unpacked(path), "utf8").includes("sourceMappingURL"), path);
});

test("the package's metadata is correct: exact dependencies, no install script, existing files", () => {
  const manifest = JSON.parse(readFileSync(unpacked("package.json"), "utf8"));
  for (const [name, version] of Object.entries(manifest.dependencies))
    match(`${version}`, /^[0-9]+\.[0-9]+\.[0-9]+$/, name);
  for (const name of ["preinstall", "install", "postinstall", "prepare"])
    equal(manifest.scripts[name], undefined);
  for (const path of [manifest.bin.lyftr, ...Object.values(manifest.exports["./client"])])
    ok(existsSync(unpacked(`${path}`)));
  const locked = JSON.parse(readFileSync(unpacked("npm-shrinkwrap.json"), "utf8")).packages;
  const { "": project, ...others } = locked;
  equal(project.devDependencies, undefined);
  const runtime = Object.entries(readPackages()).filter(([, { dev }]) => dev !== true);
  deepEqual(others, Object.fromEntries(runtime));
});

test("no link of a packaged document leads to a file that is not packaged", () => {
  const paths = new Set(packed().map(({ path }) => path));
  const documents = [...paths].filter((path) => path.endsWith(".md"));
  const links = documents.flatMap((from) => {
    // A pattern in code can look like a link.
    const prose = readFileSync(unpacked(from), "utf8")
      .replace(/^```.*?^```$/gms, "")
      .replace(/`[^`\n]*`/g, "");
    const targets = [...prose.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map((found) => found[1] ?? "");
    return targets
      .filter((to) => !/^[a-z]+:/.test(to))
      .map((to) => ({ from, to: normalize(join(dirname(from), to)) }));
  });
  ok(links.length > 20);
  const isThere = (to: string) => paths.has(to) || [...paths].some((path) => path.startsWith(to));
  deepEqual(
    links.filter(({ to }) => !isThere(to)),
    [],
  );
});

test("from an empty folder: a version, a secret, a service, a webhook in, a list out, an end by SIGTERM", async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  deepEqual(npx(["--version"]), { status: 0, stdout: `${version}\n`, stderr: "" });
  equal(npx(["init"]).status, 0);
  const secret = /^WEBHOOK_SECRET=(.+)$/m.exec(
    readFileSync(join(installed.home, ".env"), "utf8"),
  )?.[1];
  ok(secret);
  await using service = await served("npx", ["lyftr", "serve"]);
  const sent = npx(["send", "--url", service.url, "--from", "+1", "--to", "+2", "--text", "Hello"]);
  equal(sent.status, 0, sent.stderr);
  const wrong = await post(service.url, body());
  deepEqual([wrong.status, await wrong.text()], [401, '{"detail":"invalid signature"}']);
  equal((await getJson(`${service.url}/messages?q=hello`)).total, 1);
  match(await (await fetch(`${service.url}/docs/`)).text(), /swagger-ui/);
  equal((await fetch(`${service.url}/docs/static/swagger-ui-bundle.js`)).status, 200);
  await opensDashboard(service.url);
  equal(npx(["backup", "copy.db"]).status, 0);
  ok(existsSync(join(installed.home, "copy.db")));
  match(npx(["keys", "create", "--name", "me", "--scope", "read"]).stdout, /lyftr_/);
  // To the whole group, like Ctrl-C at a terminal: npx does not forward signals.
  service.end("SIGTERM");
  await service.ended;
  match(service.said(), /"msg":"closed"/);
});

test("a demonstration runs from the package too", async () => {
  await using demo = await served(unpacked("../.bin/lyftr"), ["demo", "--messages", "50"], {
    TMPDIR: installed.home,
  });
  equal((await getJson(`${demo.url}/stats`)).total_messages, 50);
  demo.end("SIGTERM");
  equal(await demo.ended, 0, demo.said());
});

const PROGRAM = `import { LyftrClient } from "lyftr/client";
const client = new LyftrClient({ url: process.argv[2], secret: "testsecret" });
const message = { message_id: "from " + process.version, from: "+1", to: "+2", ts: "2025-01-15T10:00:00Z", text: "Hello" };
const { status } = await client.send(message);
for await (const { message_id } of client.messages()) console.log(status, message_id);`;

/** Every other Node of this machine, by its version. */
function otherNodes(): ReadonlyMap<string, string> {
  const programs = (process.env.PATH ?? "").split(":").map((folder) => join(folder, "node"));
  const versions = programs.map((program) => {
    const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
    return [/^v[0-9.]+/.exec(stdout ?? "")?.[0] ?? "", program] as const;
  });
  return new Map(versions.filter(([version]) => version !== "" && version !== process.version));
}

test("a program imports the client from the installed package, on this Node and on every other from 20 on", async (t) => {
  writeFileSync(join(installed.home, "program.mjs"), PROGRAM);
  const fitting = [...otherNodes()].filter(
    ([version]) => Number.parseInt(version.slice(1), 10) >= 20,
  );
  t.diagnostic(
    `also on: ${fitting.map(([version]) => version).join(", ") || "NONE, no other is on PATH"}`,
  );
  for (const [version, node] of [[process.version, process.execPath], ...fitting] as const) {
    await using service = await startService();
    const options = { cwd: installed.home, env: installed.env, timeout: RUN_MS_MAX };
    const { stdout } = await promisify(execFile)(node, ["program.mjs", service.url], options);
    equal(stdout, `ok from ${version}\n`);
  }
});

test("a strict TypeScript program compiles with the installed types, with Node's and bundlers' module resolution", () => {
  const program = join(installed.home, "program.mts");
  writeFileSync(program, PROGRAM.replace("process.argv[2]", 'process.argv[2] ?? ""'));
  const compile = (...options: readonly string[]) => {
    const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules/@types")];
    const strict = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "false",
      "--target",
      "es2022",
      "--ignoreConfig",
    ];
    const args = [...strict, ...types, ...options, program];
    return spawnSync(join(ROOT, "node_modules/.bin/tsc"), args, {
      cwd: installed.home,
      encoding: "utf8",
    }).stdout;
  };
  const resolutions = [
    ["--module", "node16", "--moduleResolution", "node16"],
    ["--module", "nodenext"],
    ["--module", "esnext", "--moduleResolution", "bundler"],
  ];
  for (const options of resolutions) equal(compile(...options), "", options.join(" "));
  writeFileSync(program, PROGRAM.replace('from: "+1", ', ""));
  match(compile(...(resolutions[0] ?? [])), /'from' is missing/);
});

test("on a Node that is too old, the command says what is needed, and how the client can still be used", (t) => {
  const bin = unpacked("bin/lyftr.js");
  const says = (node: string, ...before: readonly string[]) =>
    spawnSync(node, [...before, bin, "--version"], { encoding: "utf8", timeout: RUN_MS_MAX });
  const pretend =
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '24.14.9' } })";
  const answers = [says(process.execPath, "--import", `data:text/javascript,${pretend}`)];
  const old = [...otherNodes()].filter(([version]) => Number.parseInt(version.slice(1), 10) < 24);
  t.diagnostic(
    `really tried: ${old.map(([version]) => version).join(", ") || "NONE, no older one is on PATH"}`,
  );
  answers.push(...old.map(([, node]) => says(node)));
  for (const { status, stdout, stderr } of answers) {
    deepEqual([status, stdout], [1, ""]);
    match(
      stderr,
      /^lyftr needs Node\.js 24\.15 or newer, this is [0-9.]+\.\nRun: npm install node@26 && npx lyftr --version\n[\s\S]*lyftr\/client.*\n$/,
    );
  }
});

import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../support/cli.ts";
import { listMessages } from "../support/client.ts";
import { SECRET, startService } from "../support/service.ts";
import { isOnPath, unlessTool } from "../support/tools.ts";

const RUN_MS_MAX = 60_000;
const PAGES = ["sending.md", "sending/python.md", "sending/go.md", "sending/php.md"];
const document = PAGES.map((page) =>
  readFileSync(new URL(`../../docs/${page}`, import.meta.url), "utf8"),
).join("\n");
const CLIENT = new URL("../../client/client.ts", import.meta.url).href;

interface Example {
  readonly language: string;
  /** The first line of the block in the document that is a whole program. */
  readonly fence: string;
  readonly program: string;
  readonly file: string;
  readonly args: readonly string[];
  /** False when it is run, else the reason. */
  readonly skip: string | false;
}

/** On a machine without this tool the test reports that it is missing. */
const ifThere = (tool: string) =>
  isOnPath(tool) ? false : `LEFT OUT: ${tool} is not on this machine`;
const EXAMPLES: readonly Example[] = [
  {
    language: "js",
    fence: "js",
    program: process.execPath,
    file: "send.mjs",
    args: [],
    skip: false,
  },
  {
    language: "curl",
    fence: "sh",
    program: "sh",
    file: "send.sh",
    args: [],
    skip: unlessTool("curl"),
  },
  {
    language: "python",
    fence: "python",
    program: "python3",
    file: "send.py",
    args: [],
    skip: unlessTool("python3"),
  },
  {
    language: "go",
    fence: "go",
    program: "go",
    file: "send.go",
    args: ["run"],
    skip: ifThere("go"),
  },
  {
    language: "php",
    fence: "php",
    program: "php",
    file: "send.php",
    args: [],
    skip: ifThere("php"),
  },
];

/**
 * A proxy in front of the service that first answers 503, then hangs up, and then passes requests
 * on.
 */
async function moodyProxy(url: string) {
  const statuses: number[] = [];
  const server = createServer((incoming, outgoing) => {
    const number = statuses.push(0);
    if (number === 1) {
      statuses[0] = 503;
      incoming
        .resume()
        .on("end", () => outgoing.writeHead(503, { "retry-after": "1" }).end('{"detail":"busy"}'));
    } else if (number === 2) incoming.resume().on("end", () => incoming.socket.destroy());
    else {
      const { method, headers, url: path } = incoming;
      const passed = request(`${url}${path}`, { method, headers }, (answer) => {
        statuses[number - 1] = answer.statusCode ?? 0;
        answer.pipe(outgoing.writeHead(answer.statusCode ?? 0, answer.headers));
      });
      incoming.pipe(passed);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const dispose = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}`, statuses, [Symbol.asyncDispose]: dispose };
}

/** A server that refuses every message, with a reason in the form of the service's. */
async function strictServer() {
  let requests = 0;
  const detail = [{ type: "value_error", loc: ["body", "ts"], msg: "ts must be of yesterday" }];
  const server = createServer((incoming, outgoing) => {
    requests++;
    incoming.resume().on("end", () => {
      outgoing
        .writeHead(422, { "content-type": "application/json" })
        .end(JSON.stringify({ detail }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const dispose = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}`, asked: () => requests, [Symbol.asyncDispose]: dispose };
}

const isLeftOut = ({ skip }: Example) => typeof skip === "string" && skip.startsWith("LEFT OUT");

test("every language that cannot run on this machine is reported", (t) => {
  for (const { skip } of EXAMPLES.filter(isLeftOut)) t.diagnostic(String(skip));
});

for (const example of EXAMPLES.filter((each) => !isLeftOut(each))) {
  const { language, fence, program, file, args, skip } = example;
  const source = new RegExp(`^\`\`\`${fence}\\n(.*?)^\`\`\`$`, "ms").exec(document)?.[1] ?? "";

  const run = async (url: string, secret: string) => {
    using folder = temporaryFolder();
    const path = join(folder.path, file);
    writeFileSync(path, source.replace('"lyftr/client"', JSON.stringify(CLIENT)));
    const env = {
      ...process.env,
      LYFTR_URL: url,
      WEBHOOK_SECRET: secret,
      GOCACHE: join(folder.path, "go"),
      HOME: folder.path,
    };
    return await new Promise<{
      readonly code: unknown;
      readonly stdout: string;
      readonly stderr: string;
    }>((resolve) => {
      const options = { env, timeout: RUN_MS_MAX };
      const child = execFile(program, [...args, path], options, (_error, stdout, stderr) =>
        resolve({ code: child.exitCode ?? child.signalCode, stdout, stderr }),
      );
    });
  };

  test(`the example in ${language} signs, and sends until the message is stored`, {
    skip,
  }, async () => {
    await using service = await startService();
    await using proxy = await moodyProxy(service.url);
    const { code, stdout, stderr } = await run(proxy.url, SECRET);
    equal(code, 0, stdout + stderr);
    // A service on a busy machine may also shed some.
    const [busy, hungUp] = proxy.statuses;
    deepEqual([busy, hungUp, proxy.statuses.at(-1)], [503, 0, 200]);
    if (language !== "curl") equal(stdout.trim(), `stored, attempts: ${proxy.statuses.length}`);
    const { data } = await listMessages(service);
    deepEqual(
      data.map(({ message_id, text }) => [
        message_id,
        text?.toLowerCase().startsWith("hello from "),
      ]),
      [[`${language}-1`, true]],
    );
  });

  test(`the example in ${language} stops when it is refused, and prints the reason`, {
    skip,
  }, async () => {
    await using service = await startService();
    const { code, stdout, stderr } = await run(service.url, "another");
    notEqual(code, 0);
    match(stdout + stderr, /401|unauthorized/);
    match(stdout + stderr, /invalid signature/);
    equal(service.lines.filter(({ status }) => status === 401).length, 1);
    await using strict = await strictServer();
    const refused = await run(strict.url, SECRET);
    notEqual(refused.code, 0);
    match(refused.stdout + refused.stderr, /ts must be of yesterday/);
    equal(strict.asked(), 1);
  });
}

test("every language that the document promises has an example here", () => {
  const fences = new Set([...document.matchAll(/^```([a-z]+)$/gm)].map(([, fence]) => fence));
  deepEqual([...fences].sort(), EXAMPLES.map(({ fence }) => fence).sort());
});

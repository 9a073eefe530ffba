import { deepEqual, equal, match } from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { test } from "node:test";
import { run, temporaryFolder } from "../support/cli.ts";
import { startService } from "../support/service.ts";

const WELL = { code: 0, stdout: "", stderr: "" };

test("a healthy service passes, by its port and by its address", async () => {
  using folder = temporaryFolder();
  await using service = await startService();
  const byPort = run(["healthcheck"], {
    cwd: folder.path,
    env: { PORT: String(service.port), HOST: "0.0.0.0" },
  });
  const byUrl = run(["healthcheck", "--ready", "--url", `${service.url}/`], { cwd: folder.path });
  deepEqual(await Promise.all([byPort, byUrl]), [WELL, WELL]);
});

test("a service without a secret runs, but is not ready", async () => {
  using folder = temporaryFolder();
  await using service = await startService({ WEBHOOK_SECRET: "" });
  const check = (...args: string[]) =>
    run(["healthcheck", "--url", service.url, ...args], { cwd: folder.path });
  const [live, ready] = await Promise.all([check(), check("--ready")]);
  deepEqual(live, WELL);
  match(
    ready.stderr,
    /^Not well: .*\/health\/ready answered 503 .*WEBHOOK_SECRET not configured.*\n$/,
  );
  equal(ready.code, 1);
});

test("a service that does not run or does not answer fails, in one line and within seconds", async () => {
  using folder = temporaryFolder();
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const silentUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const startMs = performance.now();
  const check = (url: string) => run(["healthcheck", "--url", url], { cwd: folder.path });
  const [absent, mute] = await Promise.all([check("http://127.0.0.1:9"), check(silentUrl)]);
  silent.close();
  equal(absent.stderr, "Not well: nothing listens at http://127.0.0.1:9.\n");
  equal(mute.stderr, `Not well: no answer from ${silentUrl} within 3 s.\n`);
  deepEqual([absent.code, mute.code], [1, 1]);
  const tookMs = performance.now() - startMs;
  equal(tookMs > 2_900 && tookMs < 10_000, true, `${tookMs} ms`);
});

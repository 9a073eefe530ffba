import { deepEqual, equal, match } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { run, temporaryFolder } from "../support/cli.ts";
import { macOf } from "../support/client.ts";
import { freshDatabase, unlessPostgres } from "../support/postgres.ts";
import { runLyftr, serve } from "../support/process.ts";
import { body, post } from "../support/service.ts";
import { sql } from "../support/sql.ts";

const MASTER_KEY = "5f2d8c07b1e94a36d8f10b7c92e3a45d";
const SERVICE_SECRET = "the secret which the service has";
const SHELL_SECRET = "a secret which only the shell has";
const WAIT_MS_MAX = 20_000;

interface Place {
  readonly cwd: string;
  readonly url: string;
}

/** A shell that was set up for another service, or long ago. The database exists. */
async function shell({ cwd, url }: Place) {
  equal((await run(["migrate"], { cwd, env: { DATABASE_URL: url } })).code, 0);
  const env = { DATABASE_URL: url, MASTER_KEY, WEBHOOK_SECRET: SHELL_SECRET };
  const secrets = (...args: string[]) => run(["secrets", ...args], { cwd, env });
  /** Resolves with the list once it matches. */
  const listed = async (fits: RegExp) => {
    const deadline = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const { stdout, stderr } = await secrets("list");
      if (fits.test(stdout)) return `${stdout}${stderr}`;
      if (performance.now() > deadline)
        throw new Error(`the list does not become ${fits}:\n${stdout}${stderr}`);
      await setTimeout(50);
    }
  };
  return { secrets, listed };
}

async function statusWith(url: string, secret: string): Promise<number> {
  const payload = body({ message_id: `m${performance.now()}` });
  return (await post(url, payload, { "x-signature": macOf(payload, secret) })).status;
}

test("the last secret that a running service accepts is not retired because the shell has another", async () => {
  using folder = temporaryFolder();
  const place = { cwd: folder.path, url: `sqlite:///${folder.file("app.db")}` };
  const { secrets, listed } = await shell(place);
  const only = (await secrets("add", "only")).stdout.trim();
  const unreported = await secrets("list");
  match(
    unreported.stderr,
    /No running service has reported .* based on the environment of this command/,
  );
  await using lyftr = await serve({
    cwd: folder.path,
    env: { DATABASE_URL: place.url, MASTER_KEY, WEBHOOK_SECRET: "" },
  });
  equal(await statusWith(lyftr.url, only), 200);
  const list = await listed(/^only +database .* 1 of 1 +no: it is the only one/m);
  match(list, /^current +WEBHOOK_SECRET .* 0 of 1 +yes: no running process accepts it$/m);
  for (const more of [[], ["--in", "30d"]]) {
    const refused = await secrets("retire", "only", ...more);
    equal(refused.code, 1);
    match(
      refused.stderr,
      /only was not retired\. The answer of lyftr secrets list: no: it is the only one, and without it every webhook/,
    );
  }
  equal(await statusWith(lyftr.url, only), 200);
  equal((await secrets("retire", "only", "--force")).code, 0);
  for (let status = 200; status !== 401; ) status = await statusWith(lyftr.url, only);
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
});

test("retire decides as list says, and the secrets of the service's environment are listed", async () => {
  using folder = temporaryFolder();
  const place = { cwd: folder.path, url: `sqlite:///${folder.file("app.db")}` };
  const { secrets, listed } = await shell(place);
  await using lyftr = await serve({
    cwd: folder.path,
    env: { DATABASE_URL: place.url, MASTER_KEY, WEBHOOK_SECRET: SERVICE_SECRET },
  });
  const summer = (await secrets("add", "summer")).stdout.trim();
  await listed(/^summer +database .* 1 of 1 /m);
  await listed(
    /^current +WEBHOOK_SECRET of the service .* 1 of 1 +no: no other secret has verified/m,
  );
  equal(await statusWith(lyftr.url, summer), 200);
  equal(await statusWith(lyftr.url, SERVICE_SECRET), 200);
  await listed(/^summer .* no: it verified a message/m);
  match(
    (await secrets("retire", "summer")).stderr,
    /The answer of lyftr secrets list: no: it verified a message .* ago\./,
  );
  // Eight days later, the sender uses the new one.
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
  const old = new Date(Date.now() - 8 * 86_400_000).toISOString();
  const isOld = "WHERE last_verified_at = (SELECT min(last_verified_at) FROM secret_uses)";
  const db = new DatabaseSync(folder.file("app.db"));
  db.exec(`UPDATE secret_uses SET last_verified_at = '${old}' ${isOld}`);
  db.close();
  await using again = await serve({
    cwd: folder.path,
    env: { DATABASE_URL: place.url, MASTER_KEY, WEBHOOK_SECRET: SERVICE_SECRET },
  });
  await listed(/^summer .* 1 of 1 +yes: another secret has verified messages since/m);
  equal((await secrets("retire", "summer")).code, 0);
  again.child.kill("SIGTERM");
  equal(await again.ended, 0);
});

test("a secret that is so new that no process accepts it yet may not be retired", async () => {
  using folder = temporaryFolder();
  const place = { cwd: folder.path, url: `sqlite:///${folder.file("app.db")}` };
  const { secrets, listed } = await shell(place);
  const env = { DATABASE_URL: place.url, MASTER_KEY, WEBHOOK_SECRET: SERVICE_SECRET };
  await using lyftr = await serve({ cwd: folder.path, env });
  await listed(/ 1 of 1 /);
  // It cannot read the database now.
  lyftr.child.kill("SIGSTOP");
  try {
    await secrets("add", "fresh");
    match(
      (await secrets("list")).stdout,
      /^fresh +database .* 0 of 1 +not yet: it is new, and running processes/m,
    );
    equal((await secrets("retire", "fresh")).code, 1);
  } finally {
    lyftr.child.kill("SIGCONT");
  }
  await listed(/^fresh +database .* 1 of 1 +no:/m);
});

test("with two replicas of different environments, a secret is not retired if one of them would accept nothing more", {
  skip: unlessPostgres(),
}, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase();
  const { secrets, listed } = await shell({ cwd: folder.path, url: database.url });
  const summer = (await secrets("add", "summer")).stdout.trim();
  const env = { DATABASE_URL: database.url, MASTER_KEY };
  await using first = await serve({
    cwd: folder.path,
    env: { ...env, WEBHOOK_SECRET: SERVICE_SECRET },
  });
  await using second = await serve({ cwd: folder.path, env: { ...env, WEBHOOK_SECRET: "" } });
  for (const url of [first.url, second.url]) equal(await statusWith(url, summer), 200);
  equal(await statusWith(first.url, SERVICE_SECRET), 200);
  await listed(/^current +WEBHOOK_SECRET of the service .* 1 of 2 /m);
  await listed(/^summer .* 2 of 2 +no: it is the only one.*$/m);
  match(
    (await secrets("retire", "summer")).stderr,
    /The answer of lyftr secrets list: no: it is the only one/,
  );
  equal(await statusWith(second.url, summer), 200);
  // A process that ends deletes its record, and the record of a killed one expires.
  second.child.kill("SIGTERM");
  equal(await second.ended, 0);
  await listed(/^summer .* 1 of 1 +no: it verified a message/m);
  first.child.kill("SIGKILL");
  await first.ended;
  await listed(/^summer .* 1 of 1 /m);
  await sql(database.url, "UPDATE accepted_secrets SET expires_at = now() - interval '1 s'");
  match(await listed(/^summer /m), /No running service has reported/);
});

test("each worker reports what it accepts", { skip: unlessPostgres() }, async () => {
  using folder = temporaryFolder();
  await using database = await freshDatabase();
  const { secrets, listed } = await shell({ cwd: folder.path, url: database.url });
  equal((await secrets("add", "summer")).code, 0);
  const env = {
    DATABASE_URL: database.url,
    MASTER_KEY,
    WEBHOOK_SECRET: "",
    HOST: "127.0.0.1",
    PORT: "0",
  };
  await using lyftr = runLyftr(["serve", "--workers", "2"], { cwd: folder.path, env });
  const { listens_on, reading, workers } = await lyftr.line(({ msg }) => msg === "listening");
  deepEqual([listens_on, reading, workers], ["127.0.0.1, from this machine only", "open", 2]);
  await listed(/^summer .* 2 of 2 +no: it is the only one/m);
  lyftr.child.kill("SIGTERM");
  equal(await lyftr.ended, 0);
});

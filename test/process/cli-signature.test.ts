import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { run, temporaryFolder } from "../support/cli.ts";
import { serve } from "../support/process.ts";
import { body } from "../support/service.ts";

const SECRET = "5a1f0c93e7b24d68aa01";
const OLD = "0011223344556677eeff";
const BODY = body({ message_id: "signed", text: "Grüße" });
const macOf = (key: string | Buffer, text: string | Buffer) =>
  createHmac("sha256", key).update(text).digest("hex");

/** Runs verify-signature on a body, with JSON output. */
async function checked(
  content: string | Buffer,
  signature: string,
  env: Record<string, string> = {},
) {
  using folder = temporaryFolder();
  writeFileSync(folder.file("body"), content);
  const options = { cwd: folder.path, env: { WEBHOOK_SECRET: SECRET, ...env } };
  const json = await run(["verify-signature", "--json", "body", signature], options);
  const words = await run(["verify-signature", "body", signature], options);
  equal(json.code, words.code);
  for (const text of [json.stdout, json.stderr, words.stdout, words.stderr])
    ok(!text.includes(SECRET) && !text.includes(OLD), "a secret was shown");
  const report = JSON.parse(json.stdout);
  equal(report.verified, json.code === 0);
  return { code: json.code, ...report, words: words.stdout };
}

test("the service accepts what sign signs, and verify-signature names the secret", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("message.json"), BODY);
  const env = { WEBHOOK_SECRET: SECRET };
  const signed = await run(["sign", "message.json"], { cwd: folder.path, env });
  equal(signed.stdout, `${macOf(SECRET, BODY)}\n`);
  const piped = await run(["sign", "-"], { cwd: folder.path, env, input: BODY });
  equal(piped.stdout, signed.stdout);
  writeFileSync(folder.file("secret"), `${OLD}\n`);
  const other = await run(["sign", "--secret-file", "secret", "message.json"], {
    cwd: folder.path,
  });
  equal(other.stdout, `${macOf(OLD, BODY)}\n`);
  await using service = await serve({ cwd: folder.path, env });
  const headers = { "x-signature": signed.stdout.trim() };
  equal(
    (await fetch(`${service.url}/webhook`, { method: "POST", body: BODY, headers })).status,
    200,
  );
  const report = await checked(BODY, signed.stdout.trim());
  deepEqual(
    [report.code, report.reason, report.secret, report.bytes],
    [0, "verified", "current", Buffer.byteLength(BODY)],
  );
  match(
    report.words,
    /^result {2}verified\nsecret {2}current\nhashed {2}[0-9]+ bytes\nsha256 {2}[0-9a-f]{64}\nreason {2}The signature fits/,
  );
});

test("verify-signature finds how the body was changed after it was signed", async () => {
  const value = JSON.parse(BODY);
  for (const [signed, sent, change] of [
    [BODY, `${BODY}\n`, "line_end_added"],
    [BODY, `${BODY}\r\n`, "line_end_added"],
    [`${BODY}\n`, BODY, "line_end_removed"],
    [`${BODY}\r\n`, BODY, "line_end_removed"],
    [BODY, ` ${BODY} \n`, "blanks_added"],
    [BODY, `\ufeff${BODY}`, "byte_order_mark_added"],
    [
      JSON.stringify(value, null, 2).replaceAll("\n", "\r\n"),
      JSON.stringify(value, null, 2),
      "line_ends_changed",
    ],
    [JSON.stringify(value, null, 2), BODY, "json_serialized_again"],
    [BODY, JSON.stringify(value, null, 4), "json_serialized_again"],
    ['{"b": [1, 2], "a": "\\u00fc"}', '{"b":[1,2],"a":"ü"}', "json_serialized_again"],
    ['{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3,"c":2},"a":1}', "json_serialized_again"],
  ] as const) {
    const report = await checked(sent, macOf(SECRET, signed));
    deepEqual(
      [report.code, report.reason, report.change, report.secret],
      [1, "body_changed", change, "current"],
      sent,
    );
    match(report.words, /the body was changed after it was signed/);
  }
});

test("verify-signature says what is wrong with a signature, and whether the body would match", async () => {
  const mac = macOf(SECRET, BODY);
  for (const [signature, reason, words, secret] of [
    [mac.slice(0, 40), "malformed", /does not have 64 hex digits.* It has 40\./, null],
    ["", "malformed", /The signature is empty/, null],
    ["zz".repeat(32), "malformed", /not hex digits/, null],
    [`${mac}, ${mac}`, "malformed", /sent twice/, null],
    [
      `sha256=${mac}`,
      "malformed",
      /refuses the prefix sha256=.*The signature fits the body/s,
      "current",
    ],
    [
      Buffer.from(mac, "hex").toString("base64"),
      "malformed",
      /is base64.*The signature fits the body/s,
      "current",
    ],
    [mac.toUpperCase(), "verified", /fits the body and the secret current/, "current"],
    [macOf("another secret", BODY), "mismatch", /fits none of the secrets current/, null],
    [
      macOf(`${SECRET}\n`, BODY),
      "secret_changed",
      /the secret current with a line end \(LF\) at its end/,
      "current",
    ],
    [macOf(Buffer.from(SECRET, "hex"), BODY), "secret_changed", /decoded from hex/, "current"],
  ] as const) {
    const report = await checked(BODY, signature);
    deepEqual([report.reason, report.secret], [reason, secret], signature);
    match(report.words, words);
  }
});

test("verify-signature names previous and ended secrets, of the environment and of the database", async () => {
  const ended = { WEBHOOK_SECRET_PREVIOUS: `another-one-5a1f0c93,${OLD}@2020-01-01T00:00:00Z` };
  const previous = await checked(BODY, macOf("another-one-5a1f0c93", BODY), ended);
  deepEqual([previous.code, previous.secret], [0, "previous_1"]);
  const old = await checked(BODY, macOf(OLD, BODY), ended);
  deepEqual([old.code, old.reason, old.secret], [1, "secret_ended", "previous_2"]);
  match(old.detail, /has been refused since 2020-01-01T00:00:00.000Z/);

  using folder = temporaryFolder();
  writeFileSync(folder.file("body"), BODY);
  const env = {
    MASTER_KEY: "7c0d41f2a95be8367c0d41f2a95be836",
    DATABASE_URL: `sqlite:///${folder.file("app.db")}`,
  };
  const lyftr = (...args: string[]) => run(args, { cwd: folder.path, env });
  const without = await lyftr("verify-signature", "body", macOf(SECRET, BODY));
  match(without.stderr, /The secrets of the database were not compared: There is no database/);
  match(without.stdout, /No webhook secret is set here/);
  equal((await lyftr("migrate")).code, 0);
  const secret = (await lyftr("secrets", "add", "autumn")).stdout.trim();
  const verify = () => lyftr("verify-signature", "--json", "body", macOf(secret, BODY));
  deepEqual(JSON.parse((await verify()).stdout).secret, "autumn");
  equal((await lyftr("secrets", "retire", "autumn", "--in", "1h", "--force")).code, 0);
  equal((await verify()).code, 0);
  // The row of an ended secret stays until the next change of the secrets.
  const db = new DatabaseSync(folder.file("app.db"));
  db.exec("UPDATE webhook_secrets SET retires_at = '2020-01-01T00:00:00.000Z'");
  db.close();
  const retired = await verify();
  deepEqual([retired.code, JSON.parse(retired.stdout).reason], [1, "secret_ended"]);
  ok(!retired.stdout.includes(secret));
});

test("sign and verify-signature need a secret and a file", async () => {
  using folder = temporaryFolder();
  const without = await run(["sign", "body"], { cwd: folder.path });
  deepEqual([without.code, without.stdout], [2, ""]);
  match(without.stderr, /WEBHOOK_SECRET is not set/);
  const missing = await run(["sign", "missing"], {
    cwd: folder.path,
    env: { WEBHOOK_SECRET: SECRET },
  });
  equal(missing.code, 2);
  match(missing.stderr, /missing does not exist/);
});

import { deepEqual, equal, match } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { AuditEntry } from "../../web/api/audit.ts";
import { actorOf, detailsOf, sentenceOf } from "../../web/pages/audit/sentences.ts";
import { audit as t } from "../../web/text/en/audit.ts";

function entry(fields: Partial<AuditEntry>): AuditEntry {
  return {
    at: "2026-11-30T10:00:00.000Z",
    id: "e1",
    actor: "key:ops",
    action: "key.created",
    subject: "grafana",
    details: {},
    ...fields,
  };
}

const moment = (at: number) => new Date(at).toISOString().slice(0, 16);
const details = (fields: Partial<AuditEntry>) => detailsOf(entry(fields), moment);

test("an entry is a sentence, and says which key, command or process did it", () => {
  equal(sentenceOf(entry({})), "The API key grafana was created.");
  equal(sentenceOf(entry({ action: "sender.erased", subject: "" })), "A person was erased.");
  equal(sentenceOf(entry({ action: "moon.landed", subject: "apollo" })), "moon.landed apollo");
  equal(sentenceOf(entry({ action: "moon.landed", subject: "" })), "moon.landed");
  equal(actorOf(entry({})), "ops");
  equal(actorOf(entry({ actor: "ADMIN_API_KEY" })), "ADMIN_API_KEY");
  equal(actorOf(entry({ actor: "cli" })), "the command line");
  equal(actorOf(entry({ actor: "service" })), "the service");
});

test("the details of an entry are those that a reader needs", () => {
  const at = "2026-12-30T10:00:00.000Z";
  deepEqual(details({ details: { id: "k", scope: "admin", expires_at: null } }), [
    "may administer",
    "never ends",
  ]);
  deepEqual(details({ details: { scope: "read", expires_at: at } }), [
    "may read",
    "ends 2026-12-30T10:00",
  ]);
  deepEqual(details({ action: "key.rotated", details: { old_retires_at: at } }), [
    "the old one ends 2026-12-30T10:00",
  ]);
  deepEqual(details({ action: "key.revoked", details: { ids: "a b" } }), []);
  deepEqual(details({ action: "secret.retired", details: { retires_at: at } }), [
    "refused from 2026-12-30T10:00 on",
  ]);
  deepEqual(details({ action: "sender.erased", details: { messages: 1, finished: false } }), [
    "1 message",
    "not finished: erase again to continue",
  ]);
  deepEqual(
    details({ action: "retention.ran", details: { messages: 1_204, received_before: at } }),
    ["1,204 messages", "received before 2026-12-30T10:00"],
  );
  deepEqual(details({ action: "test_message.sent", subject: "lyftr-test-1" }), ["lyftr-test-1"]);
  deepEqual(details({ action: "moon.landed", details: { crew: 3, back: true } }), [
    "crew: 3",
    "back: true",
  ]);
  // A field of another form is left out, not shown as "Invalid Date".
  deepEqual(details({ action: "retention.ran", details: { received_before: "" } }), []);
});

test("the page has a sentence for each action that the service audits", () => {
  const src = new URL("../../src/", import.meta.url).pathname;
  const found = readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => [
      ...readFileSync(join(src, name), "utf8").matchAll(
        /(?:action(?::| =)|#audit\() ?"([a-z_]+\.[a-z_]+)"/g,
      ),
    ])
    .map(([, action = ""]) => action);
  deepEqual([...new Set(found)].sort(), Object.keys(t.actions).sort());
  for (const sentence of Object.values(t.actions)) match(sentence, /\.$/);
});

import { equal } from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../../web/api/messages.ts";
import { estimatedBytes, exportCommand, exportPath } from "../../web/pages/exports/files.ts";

const message: Message = {
  message_id: "m1",
  from: "+14155550001",
  to: "+14155550100",
  ts: "2026-11-30T10:00:00Z",
  text: "नमस्ते",
  created_at: "2026-11-30T10:00:01Z",
};

test("the path and the command of an export have its filter and its format", () => {
  const filter = { from: "+14155550001", q: "it's" };
  equal(exportPath({}, "csv"), "messages/export?format=csv");
  equal(exportPath(filter, "ndjson"), "messages/export?from=%2B14155550001&q=it%27s&format=ndjson");
  const options = { service: "https://a.example/", filter, format: "csv" } as const;
  equal(
    exportCommand({ ...options, needsKey: false }),
    "curl -sS --fail -o messages.csv 'https://a.example/messages/export?from=%2B14155550001&q=it%27s&format=csv'",
  );
  equal(
    exportCommand({ ...options, needsKey: true }),
    `curl -sS --fail -o messages.csv 'https://a.example/messages/export?from=%2B14155550001&q=it%27s&format=csv' -H "Authorization: Bearer $LYFTR_KEY"`,
  );
});

test("the size is estimated in bytes, from some messages", () => {
  const line = Buffer.byteLength(`${JSON.stringify(message)}\n`);
  equal(estimatedBytes([message, message], 1_000, "ndjson"), 1_000 * line);
  equal(estimatedBytes([{ ...message, text: null }], 1, "csv"), 72);
  equal(estimatedBytes([], 0, "csv"), 0);
});

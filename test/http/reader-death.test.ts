import { equal, match } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openStore } from "../../src/store/open.ts";
import { message } from "../store/exercise.ts";
import { scrape } from "../support/client.ts";
import { body, post, startService } from "../support/service.ts";
import { temporaryDatabase } from "../support/sqlite-parts.ts";

/**
 * Texts of an older service have no maximum length: a page of them is more than a thread may hold.
 */
const TEXT_CHARACTERS = 3_000_000;
const ROWS = 20;

async function fillWithHugeTexts(path: string): Promise<void> {
  const store = await openStore(`sqlite:///${path}`);
  await store.insertMessages(Array.from({ length: ROWS }, (_, n) => message(`m${n}`)));
  await store.close();
  using db = new DatabaseSync(path);
  // Two bytes a character in the memory of JavaScript.
  db.prepare("UPDATE lyftr_messages SET text = printf('%.*c', ?, '漢')").run(TEXT_CHARACTERS);
}

test("a read that ends its thread gets 503, and the service continues with another one", async () => {
  using file = temporaryDatabase();
  await fillWithHugeTexts(file.path);
  await using service = await startService({
    DATABASE_URL: `sqlite:///${file.path}`,
    CACHE_TTL_MS: "0",
  });
  const list = () => fetch(`${service.url}/messages?limit=100`);
  equal((await list()).status, 503);
  equal((await fetch(`${service.url}/stats`)).status, 200);
  equal((await post(service.url, body({ message_id: "new" }))).status, 200);
  equal((await fetch(`${service.url}/health/ready`)).status, 200);
  equal((await list()).status, 503);
  await service.line(({ level, msg }) => level === "WARNING" && /reading thread/.test(String(msg)));
  const line = await service.line(
    ({ level, msg }) => level === "ERROR" && /end repeatedly/.test(String(msg)),
  );
  match(String(line.reason), /memory/);
  match(await scrape(service), /^read_thread_restarts_total 2$/m);
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseMessage } from "../../src/domain/message.ts";
import { openStore } from "../../src/store/open.ts";
import { body, type Service, startService } from "./service.ts";

const ROWS_PER_CALL = 500;

/** A message's fields; what is not given is as in `body`. A `source` is that of the row. */
export type Fields = Readonly<Record<string, unknown>>;

/** The service on a database that holds these messages already, which is much quicker than to post thousands. */
export async function startFilled(
  messages: readonly Fields[],
  env: Readonly<Record<string, string>> = {},
): Promise<Service> {
  const folder = mkdtempSync(join(tmpdir(), "lyftr-filled-"));
  const url = `sqlite:///${join(folder, "app.db")}`;
  const store = await openStore(url);
  for (let at = 0; at < messages.length; at += ROWS_PER_CALL)
    await store.insertMessages(messages.slice(at, at + ROWS_PER_CALL).map(rowOf));
  await store.close();
  const service = await startService({ DATABASE_URL: url, ...env });
  return {
    ...service,
    [Symbol.asyncDispose]: async () => {
      await service[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

function rowOf(fields: Fields) {
  const { source = "native", ...rest } = fields;
  const parsed = parseMessage(JSON.parse(body(rest)));
  if (!parsed.ok) throw new Error(`not a message: ${JSON.stringify(fields)}`);
  return { ...parsed.message, source: String(source), createdAt: "2025-01-15T10:00:01.000Z" };
}

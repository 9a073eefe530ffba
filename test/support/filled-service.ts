import { parseMessage } from "../../src/domain/message.ts";
import { openStore } from "../../src/store/open.ts";
import { body, type Service, startService } from "./service.ts";
import { testedDatabase } from "./tested-store.ts";

const ROWS_PER_CALL = 500;

/** A message's fields; defaults are as in `body`. A `source` is that of the row. */
export type Fields = Readonly<Record<string, unknown>>;

/** A database that contains these messages, removed at the end of the scope. */
export async function filledDatabase(
  messages: readonly Fields[],
): Promise<AsyncDisposable & { readonly url: string }> {
  await using scope = new AsyncDisposableStack();
  const { url } = scope.use(await testedDatabase());
  const store = await openStore(url);
  for (let at = 0; at < messages.length; at += ROWS_PER_CALL)
    await store.insertMessages(messages.slice(at, at + ROWS_PER_CALL).map(rowOf));
  await store.close();
  const resources = scope.move();
  return { url, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/**
 * The service on a database that already contains these messages, which is much faster than posting
 * thousands.
 */
export async function startFilled(
  messages: readonly Fields[],
  env: Readonly<Record<string, string>> = {},
): Promise<Service> {
  await using scope = new AsyncDisposableStack();
  const { url } = scope.use(await filledDatabase(messages));
  const service = scope.use(await startService({ DATABASE_URL: url, ...env }));
  const resources = scope.move();
  return { ...service, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

function rowOf(fields: Fields) {
  const { source = "native", ...rest } = fields;
  const parsed = parseMessage(JSON.parse(body(rest)));
  if (!parsed.ok) throw new Error(`not a message: ${JSON.stringify(fields)}`);
  return { ...parsed.message, source: String(source), createdAt: "2025-01-15T10:00:01.000Z" };
}

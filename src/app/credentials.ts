import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { pid } from "node:process";
import type { Config } from "../config.ts";
import { ConfigError } from "../domain/errors.ts";
import { listensOn } from "../http/listen-address.ts";
import { ApiKeys } from "../keys/api-keys.ts";
import { KeyIssuer } from "../keys/key-issuer.ts";
import { environmentSecrets } from "../secrets/accepted-secrets.ts";
import { SecretBox } from "../secrets/sealing.ts";
import { WebhookSecrets } from "../secrets/webhook-secrets.ts";
import type { Store } from "../store/store.ts";
import type { StartUp } from "./start-up.ts";

/** The API keys, and whether reading needs one. */
export interface ReadAccess {
  readonly keys: ApiKeys;
  readonly isReadingOpen: () => boolean;
}

const READING_IS_OPEN = {
  auto: "reading is open: every client that reaches the port may read until the first API key exists. Create one with lyftr keys create, or set READ_AUTH",
  open: "reading is open: every client that reaches the port may read, because READ_AUTH is open",
};
export const NO_KEY =
  "READ_AUTH is required, and there is no valid API key: create one with lyftr keys create --name NAME --scope admin (on a new database run lyftr migrate first), or set ADMIN_API_KEY";

export function needsKey({ readAuth }: Config): boolean {
  return readAuth === "required";
}

/** Loads the webhook secrets of the environment and of the database. */
export async function startSecrets(
  start: StartUp,
  { credentials }: Store,
): Promise<WebhookSecrets> {
  const { webhookSecret, webhookSecretsPrevious, masterKey } = start.config;
  const { clock, newId } = start.runtime;
  const secrets = await WebhookSecrets.start(
    { clock, log: start.firstLog },
    {
      environment: environmentSecrets(webhookSecret, webhookSecretsPrevious),
      box: masterKey === undefined ? undefined : new SecretBox(masterKey),
      store: credentials.secrets,
      process: `${hostname()}:${pid}:${newId()}`,
    },
  );
  start.stopping.defer(() => secrets.stop());
  return secrets;
}

/** Loads the API keys. Rejects with `ConfigError` if one is required and none exists. */
export async function startKeys(
  start: StartUp,
  { credentials: { keys: store } }: Store,
): Promise<ReadAccess> {
  const { config, runtime, firstLog, stopping } = start;
  const issuer = new KeyIssuer(runtime, { store, randomBytes });
  const keys = await ApiKeys.start(runtime, { store, issuer, adminKey: config.adminApiKey });
  stopping.defer(() => keys.close());
  if (needsKey(config) && !keys.anyLive()) throw new ConfigError([NO_KEY]);
  const { readAuth } = config;
  const isReadingOpen = () =>
    readAuth === "open" || (readAuth === "auto" && !keys.hasEverExisted());
  if (isReadingOpen()) {
    firstLog.warn({
      msg: READING_IS_OPEN[readAuth === "open" ? "open" : "auto"],
      listens_on: listensOn(config.host),
    });
  }
  return { keys, isReadingOpen };
}

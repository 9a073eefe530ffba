import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { pid } from "node:process";
import type { Config } from "../config.ts";
import { ConfigError } from "../domain/errors.ts";
import type { ReadMode } from "../http/auth.ts";
import { listensOn } from "../http/listen-address.ts";
import { SessionCookies } from "../http/session-cookies.ts";
import { ApiKeys } from "../keys/api-keys.ts";
import { KeyIssuer } from "../keys/key-issuer.ts";
import { environmentSecrets } from "../secrets/accepted-secrets.ts";
import { SecretBox } from "../secrets/sealing.ts";
import { SecretIssuer } from "../secrets/secret-issuer.ts";
import { WebhookSecrets } from "../secrets/webhook-secrets.ts";
import type { Store } from "../store/store.ts";
import type { StartUp } from "./start-up.ts";

/** The API keys, and whether reading needs one. */
export interface ReadAccess {
  readonly keys: ApiKeys;
  readonly isReadingOpen: () => boolean;
  readonly readMode: () => ReadMode;
}

const RANDOM_SECRET_BYTES = 32;
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

/** Adds, lists and retires secrets while the service runs. */
export function createSecretIssuer(
  { config, runtime }: StartUp,
  { credentials: { secrets: store } }: Store,
  { fingerprints, reload: changed }: WebhookSecrets,
): SecretIssuer {
  return new SecretIssuer(runtime, {
    store,
    settings: () => config,
    fingerprints,
    changed,
    randomBytes,
  });
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
  const readMode = (): ReadMode => {
    if (readAuth === "open") return "open";
    return readAuth === "auto" && !keys.hasEverExisted() ? "until_first_key" : "keys";
  };
  const isReadingOpen = () => readMode() !== "keys";
  if (isReadingOpen()) {
    firstLog.warn({
      msg: READING_IS_OPEN[readAuth === "open" ? "open" : "auto"],
      listens_on: listensOn(config.host),
    });
  }
  return { keys, isReadingOpen, readMode };
}

/**
 * Seals the sessions of browsers. Without a secret they end with the process, and each process of
 * several has its own.
 */
export function createSessions({ config, runtime }: StartUp): SessionCookies {
  const { masterKey, webhookSecret, webhookSecretsPrevious } = config;
  const [first, ...others] = [masterKey, webhookSecret]
    .filter((secret) => secret !== undefined)
    .map((secret) => ({ secret }));
  const secret = () => randomBytes(RANDOM_SECRET_BYTES).toString("hex");
  return new SessionCookies({
    secrets: [first ?? { secret: secret() }, ...others, ...webhookSecretsPrevious],
    clock: runtime.clock,
    randomBytes,
  });
}

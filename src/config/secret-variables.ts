import { longSecret, SECRET_CHARACTERS_MIN } from "./values.ts";
import type { Variable } from "./variable.ts";
import { type PreviousSecret, previousSecrets } from "./webhook-secrets.ts";

export interface SecretConfig {
  /** If undefined, the service starts, is not ready, and refuses every webhook. */
  readonly webhookSecret: string | undefined;
  /** Accepted besides `webhookSecret`. */
  readonly webhookSecretsPrevious: readonly PreviousSecret[];
  /** Decrypts the webhook secrets that are stored in the database. */
  readonly masterKey: string | undefined;
}

export const SECRET_VARIABLES: { readonly [K in keyof SecretConfig]: Variable<SecretConfig[K]> } = {
  webhookSecret: {
    name: "WEBHOOK_SECRET",
    fallback: undefined,
    help: "The secret that senders sign webhooks with. Without any webhook secret every webhook gets 401.",
    values: "Any text. `lyftr init` generates a random one.",
    details: [
      "Every byte counts, blanks at the ends included. Without a secret the service starts and logs a " +
        "warning. It is alive but not ready.",
    ],
    secret: true,
    verbatim: true,
    parse: (text) => (text === undefined || text.trim() === "" ? undefined : text),
  },
  webhookSecretsPrevious: {
    name: "WEBHOOK_SECRET_PREVIOUS",
    fallback: undefined,
    help: "Secrets that are accepted besides `WEBHOOK_SECRET`, so that a secret can be rotated.",
    values:
      "At most 7 secrets, separated by commas. Each has 16 characters or more. `SECRET@2026-12-31T00:00:00Z` expires at that time.",
    details: [
      "Blanks next to the commas are dropped. Short entries are refused, because they are often pieces " +
        "of one secret that contains a comma. Store a secret that contains a comma, or a short one, in the " +
        "database: `lyftr secrets add NAME --secret-file FILE`.",
    ],
    secret: true,
    verbatim: true,
    parse: previousSecrets,
  },
  masterKey: {
    name: "MASTER_KEY",
    fallback: undefined,
    help: "Encrypts the webhook secrets that are stored in the database (`lyftr secrets`).",
    values: "Random text of 32 characters or more, for example from `openssl rand -hex 32`.",
    details: [
      "It is needed only with such secrets. It must be the same on every replica. It also encrypts the " +
        "cookies with which people sign in to the dashboard; without it `WEBHOOK_SECRET` does.",
    ],
    secret: true,
    verbatim: true,
    parse: longSecret(SECRET_CHARACTERS_MIN),
  },
};

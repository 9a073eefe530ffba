import { secretWarnings } from "../domain/secret-warnings.ts";
import type { Config } from "./variables.ts";

type Secrets = Pick<
  Config,
  "webhookSecret" | "webhookSecretsPrevious" | "masterKey" | "adminApiKey"
>;

/**
 * Warnings about accepted values that are probably mistakes, a sentence each. Secrets are not
 * repeated.
 */
export function configWarnings(config: Secrets): readonly string[] {
  const { webhookSecret, webhookSecretsPrevious, masterKey, adminApiKey } = config;
  return [
    ...secretWarnings("WEBHOOK_SECRET", webhookSecret),
    ...webhookSecretsPrevious.flatMap(({ secret, untilMs }, at) => [
      ...secretWarnings(`entry ${at + 1} of WEBHOOK_SECRET_PREVIOUS`, secret),
      ...(untilMs === undefined && secret.includes("@")
        ? [
            `entry ${at + 1} of WEBHOOK_SECRET_PREVIOUS has an @ and no end, so all of it is the secret.`,
          ]
        : []),
      ...(/[\r\n]/.test(secret)
        ? [
            `entry ${at + 1} of WEBHOOK_SECRET_PREVIOUS has a line end in it; only commas begin another secret.`,
          ]
        : []),
    ]),
    ...secretWarnings("MASTER_KEY", masterKey),
    ...secretWarnings("ADMIN_API_KEY", adminApiKey),
  ];
}

import type { Environment } from "../../config.ts";
import { endOf, environmentSecrets } from "../../secrets/accepted-secrets.ts";
import { SecretBox } from "../../secrets/sealing.ts";
import { openCredentials } from "../../store/open.ts";
import { existingDatabaseUrlOf, requiredSecret, secretSettingsOf } from "../settings.ts";
import type { CheckedSecret } from "./explain-signature.ts";

/** The secrets that a signature may have been made with, ended ones included. */
export interface CheckedSecrets {
  readonly secrets: readonly CheckedSecret[];
  /** Why the secrets of the database could not be read, although MASTER_KEY is set. */
  readonly problem?: string;
}

/** The secret in the file, or all secrets of the environment and of the database. */
export async function checkedSecrets(
  env: Environment,
  file: string | undefined,
): Promise<CheckedSecrets> {
  if (file !== undefined) return { secrets: [{ name: file, secret: requiredSecret(env, file) }] };
  const { webhookSecret, webhookSecretsPrevious, masterKey } = secretSettingsOf(env);
  const own = environmentSecrets(webhookSecret, webhookSecretsPrevious);
  if (masterKey === undefined) return { secrets: own };
  try {
    return { secrets: [...own, ...(await databaseSecrets(env, masterKey))] };
  } catch (error) {
    return { secrets: own, problem: error instanceof Error ? error.message : String(error) };
  }
}

async function databaseSecrets(
  env: Environment,
  masterKey: string,
): Promise<readonly CheckedSecret[]> {
  const access = await openCredentials(existingDatabaseUrlOf(env), "read");
  try {
    const box = new SecretBox(masterKey);
    return (await access.secrets.list()).flatMap((one) => {
      const secret = box.open(one.name, one.sealed);
      return secret === undefined ? [] : [{ name: one.name, secret, untilMs: endOf(one) }];
    });
  } finally {
    await access.close();
  }
}

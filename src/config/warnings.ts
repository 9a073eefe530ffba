import type { Config } from "./variables.ts";
import { SECRET_CHARACTERS_SHORT } from "./webhook-secrets.ts";

/** Fewer different characters than this are no random text: 32 random hex digits have 14 as a rule. */
const DIFFERENT_CHARACTERS_MIN = 8;
/** So long that none of them stands in a random text by chance. */
const GUESSED_FIRST =
  /password|passw0rd|secret|changeme|change-me|change_me|master|example|qwerty|letmein|default|replace|123456|abcdef/i;
const ADVICE = "Make a random one: openssl rand -hex 32";

type Secrets = Pick<Config, "webhookSecret" | "webhookSecretsPrevious" | "masterKey" | "adminApiKey">;

/** What is accepted and is probably not what was meant, in sentences. No secret is repeated. */
export function configWarnings(config: Secrets): readonly string[] {
  const { webhookSecret, webhookSecretsPrevious, masterKey, adminApiKey } = config;
  return [
    ...secretWarnings("WEBHOOK_SECRET", webhookSecret),
    ...webhookSecretsPrevious.flatMap(({ secret, untilMs }, at) => [
      ...secretWarnings(`entry ${at + 1} of WEBHOOK_SECRET_PREVIOUS`, secret),
      ...(untilMs === undefined && secret.includes("@")
        ? [`entry ${at + 1} of WEBHOOK_SECRET_PREVIOUS has an @ and no end, so all of it is the secret.`]
        : []),
    ]),
    ...secretWarnings("MASTER_KEY", masterKey),
    ...secretWarnings("ADMIN_API_KEY", adminApiKey),
  ];
}

/** What is probably not meant of one secret, under its name. */
export function secretWarnings(name: string, secret: string | undefined): readonly string[] {
  if (secret === undefined) return [];
  return [edgeWarning(name, secret), weaknessWarning(name, secret)].filter((warning) => warning !== undefined);
}

function edgeWarning(name: string, secret: string): string | undefined {
  const [end, character] = /^[\s\ufeff]/.test(secret)
    ? ["begins", secret[0]]
    : [/[\s\ufeff]$/.test(secret) ? "ends" : undefined, secret.at(-1)];
  if (end !== undefined) {
    const what = character === "\n" || character === "\r" ? "a line end" : "a blank";
    return `${name} ${end} with ${what}, which is a part of it: signatures that are made without ${what} are refused. Set it without, unless the sender has it too.`;
  }
  if (/^["']|["']$/.test(secret))
    return `${name} begins or ends with a quote, which is a part of it: signatures that are made without the quote are refused. Set it without, unless the sender has it too.`;
  return undefined;
}

function weaknessWarning(name: string, secret: string): string | undefined {
  if (secret.length < SECRET_CHARACTERS_SHORT)
    return `${name} has fewer than ${SECRET_CHARACTERS_SHORT} characters, so it can be guessed. ${ADVICE}`;
  if (new Set(secret).size < DIFFERENT_CHARACTERS_MIN || isRepetition(secret) || GUESSED_FIRST.test(secret))
    return `${name} is made of words or of a pattern, so it can be guessed. ${ADVICE}`;
  return undefined;
}

function isRepetition(text: string): boolean {
  return (text + text).indexOf(text, 1) < text.length;
}

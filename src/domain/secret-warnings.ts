/**
 * A shorter secret can be guessed from one signed webhook. Pieces of a secret with commas are short
 * too.
 */
export const SECRET_CHARACTERS_SHORT = 16;
/** A text with fewer different characters is not random: 32 random hex digits usually have 14. */
const DIFFERENT_CHARACTERS_MIN = 8;
/** Words that are long enough not to occur in a random text by chance. */
const GUESSED_FIRST =
  /password|passw0rd|secret|changeme|change-me|change_me|master|example|qwerty|letmein|default|replace|123456|abcdef/i;
const ADVICE = "Generate a random one: openssl rand -hex 32";

/**
 * White space, and characters that a page or a chat adds when a secret is copied, such as U+200B.
 */
const UNSEEN = /[\s\p{Cc}\p{Cf}]/u;

/** Warnings about one secret. `name` is the subject of each sentence. */
export function secretWarnings(name: string, secret: string | undefined): readonly string[] {
  if (secret === undefined) return [];
  return [edgeWarning(name, secret), weaknessWarning(name, secret)].filter(
    (warning) => warning !== undefined,
  );
}

function edgeWarning(name: string, secret: string): string | undefined {
  const [end, character = ""] = UNSEEN.test(secret[0] ?? "")
    ? ["begins", secret[0]]
    : [UNSEEN.test(secret.at(-1) ?? "") ? "ends" : undefined, secret.at(-1)];
  if (end !== undefined) {
    const what = kindOf(character);
    return `${name} ${end} with ${what}, which is a part of the secret: ${consequenceOf(name, what)}`;
  }
  if (/^["']|["']$/.test(secret))
    return `${name} begins or ends with a quote, which is a part of the secret: ${consequenceOf(name, "the quote")}`;
  return undefined;
}

function kindOf(character: string): string {
  if (/[\r\n]/.test(character)) return "a line end";
  return /[\s\ufeff]/.test(character) ? "a blank" : "an invisible character";
}

/** Senders sign with webhook secrets; the other secrets are for other programs. */
function consequenceOf(name: string, what: string): string {
  switch (name) {
    case "MASTER_KEY":
      return `secrets that were encrypted without ${what} cannot be read. Remove it, unless they were encrypted with it.`;
    case "ADMIN_API_KEY":
      return `no HTTP client can send it. Remove it.`;
    default:
      return `signatures that are made without ${what} are refused. Remove it, unless the sender has it too.`;
  }
}

function weaknessWarning(name: string, secret: string): string | undefined {
  if (secret.length < SECRET_CHARACTERS_SHORT)
    return `${name} has fewer than ${SECRET_CHARACTERS_SHORT} characters, so it can be guessed. ${ADVICE}`;
  if (
    new Set(secret).size < DIFFERENT_CHARACTERS_MIN ||
    isRepetition(secret) ||
    GUESSED_FIRST.test(secret)
  )
    return `${name} consists of words or of a pattern, so it can be guessed. ${ADVICE}`;
  return undefined;
}

function isRepetition(text: string): boolean {
  return (text + text).indexOf(text, 1) < text.length;
}

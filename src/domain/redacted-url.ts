const HIDDEN = "***";
/** `password`, `sslpassword`, `PWD`, `access_token`, `api-key`, `client_secret` … */
const SECRET_PARAMETER =
  /pass|pwd|^pw$|secret|token|(api|access|routing|auth)[-_]?key|^(sig(nature)?|key|auth(orization)?|bearer|jwt)$|credential/i;

/** Services on the internet have their tokens in any part of a URL. */
const SERVICE_URL = /^(https?|rediss?):\/\/[^?#,]*/i;
/** `redis://password@host`: a user without a password is a password in the wrong place. */
const LONE_REDIS_USER = /^(rediss?:\/\/)[^:/@?#]+@/i;
/** A part of a path that is longer may be a token. */
const PATH_PART_CHARACTERS_MAX = 19;

/**
 * Makes a URL, or a text with a URL in it, safe to show. It removes the password of the user and
 * the values of parameters that hold secrets, even if their names are escaped. Of the URL of a
 * service on the internet or of Redis, it removes all values, and long parts of the path.
 */
export function withoutSecrets(text: string): string {
  const shown = withoutPasswords(text);
  const [address] = SERVICE_URL.exec(shown) ?? [];
  if (address === undefined) return shown;
  const isLong = (part: string) => part.length > PATH_PART_CHARACTERS_MAX;
  const [scheme = "", , host = "", ...path] = address.split("/");
  const parts = path.map((part) => (isLong(part) ? HIDDEN : part));
  const visible = [scheme, "", host, ...parts].join("/").replace(LONE_REDIS_USER, `$1${HIDDEN}@`);
  const hidden = shown
    .slice(address.length)
    .replace(/([?&#;])(?:([^=?&#;]+)=)?[^?&#;]+/g, (_, mark: string, name?: string) =>
      name === undefined ? mark + HIDDEN : `${mark}${name}=${HIDDEN}`,
    );
  return visible + hidden;
}

function withoutPasswords(text: string): string {
  return text
    .replace(/:\/\/([^:/@?#]*?)(:|%3a).*@/is, `://$1$2${HIDDEN}@`)
    .replace(
      /(^|[?&#;])([^=?&#;]+)=([^&#;]*)/g,
      (whole, mark: string, name: string, value: string) =>
        SECRET_PARAMETER.test(unescaped(name)) || hasSecretIn(value)
          ? `${mark}${name}=${HIDDEN}`
          : whole,
    )
    .replace(/([?&#;])([^=&#;]+)(?=$|[&#;])/g, (whole, mark: string, part: string) =>
      hasSecretIn(part) ? `${mark}${HIDDEN}` : whole,
    );
}

/**
 * Whether a part of a query contains an escaped `password=…`, such as `options=-c%20password%3D…`.
 */
function hasSecretIn(part: string): boolean {
  const [, ...assigned] = unescaped(part).split("=").reverse();
  return assigned.some((name) => SECRET_PARAMETER.test(name));
}

/** Unescapes the name as often as possible, because some programs escape twice. */
function unescaped(name: string): string {
  try {
    const plain = decodeURIComponent(name.replaceAll("+", " ")).trim();
    return plain === name ? plain : unescaped(plain);
  } catch {
    // A broken escape hides the name, so only its readable letters are compared.
    return name.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
}

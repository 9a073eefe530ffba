const HIDDEN = "***";
/** `password`, `sslpassword`, `PWD`, `access_token`, `api-key`, `client_secret` … */
const SECRET_PARAMETER =
  /pass|pwd|^pw$|secret|token|(api|access|routing|auth)[-_]?key|^sig(nature)?$|credential/i;

/**
 * Makes a URL, or a text with a URL in it, safe to show. It removes the password of the user and
 * the values of parameters that hold secrets, even if their names are escaped.
 */
export function withoutSecrets(text: string): string {
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

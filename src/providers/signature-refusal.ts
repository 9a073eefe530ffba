/**
 * Why a signature was refused, for the log only. The sender is not told, and nothing of the
 * signature is repeated.
 */
export type SignatureRefusal =
  | { readonly reason: "no_header" | "mismatch" | "no_secret" }
  | { readonly reason: "malformed"; readonly form: SignatureForm };

/** What the header contained instead of 64 hex digits. */
export type SignatureForm =
  | "empty"
  | "repeated header"
  | "sha256= prefix"
  | "base64"
  | "wrong length"
  | "not hexadecimal";

const HEX = /^[0-9a-f]+$/i;
/** Base64 of the 32 bytes of a MAC, or of its 64 hex digits. */
const BASE64 = /^(?:[A-Za-z0-9+/_-]{43}=?|[A-Za-z0-9+/_-]{86}(?:==)?)$/;

/** Says why {@link SigningSecrets.verify} refused a signature header. */
export function refusalOf(header: unknown, hasSecrets: boolean): SignatureRefusal {
  if (header === undefined) return { reason: "no_header" };
  const form = formOf(typeof header === "string" ? header : "");
  if (form !== undefined) return { reason: "malformed", form };
  return { reason: hasSecrets ? "mismatch" : "no_secret" };
}

/** Undefined for 64 hex digits. */
function formOf(header: string): SignatureForm | undefined {
  if (header.trim() === "") return "empty";
  // Node joins a repeated header with ", ".
  if (header.includes(", ")) return "repeated header";
  if (/^sha256=/i.test(header)) return "sha256= prefix";
  if (HEX.test(header)) return header.length === 64 ? undefined : "wrong length";
  return BASE64.test(header) ? "base64" : "not hexadecimal";
}

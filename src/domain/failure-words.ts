import { ConfigError, Overloaded, StoreRefused, StoreUnavailable } from "./errors.ts";

/** What the error codes of connections and of Redis mean. */
const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Nothing listens at its address",
  ECONNRESET: "It closed the connection",
  EPIPE: "It closed the connection",
  ENOTFOUND: "Its host name is unknown",
  EAI_AGAIN: "Its host name cannot be resolved now",
  EHOSTUNREACH: "There is no route to its host",
  ENETUNREACH: "There is no route to its network",
  ETIMEDOUT: "It did not answer in time",
  UND_ERR_CONNECT_TIMEOUT: "It did not answer in time",
  UND_ERR_SOCKET: "It closed the connection",
  HTTPParserError: "It does not speak HTTP",
  TimeoutError: "It did not answer in time",
  SocketClosedUnexpectedlyError: "It closed the connection",
  timeout: "It did not answer in time",
  CERT_HAS_EXPIRED: "Its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "Its certificate is not signed by a known authority",
  SELF_SIGNED_CERT_IN_CHAIN: "Its certificate is not signed by a known authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "Its certificate is not signed by a known authority",
  ERR_TLS_CERT_ALTNAME_INVALID: "Its certificate is for another host",
  WRONGPASS: "It refuses the user or the password",
  NOAUTH: "It asks for a password, and none is set",
  NOPERM: "The user lacks the required rights",
  OOM: "Its memory is full",
  READONLY: "It is a replica that takes no writes",
  MISCONF: "It cannot write to its disk",
  LOADING: "It has just started and is still reading its data",
  MASTERDOWN: "It is a replica without its primary",
};

/** A code as a sentence. The sentence keeps the code, so that an operator can look it up. */
export function codeInWords(code: string): string {
  const meaning = MEANINGS[code];
  if (meaning === undefined && code.endsWith("Error"))
    return `An unexpected error occurred (${code}).`;
  return meaning === undefined ? `It failed with ${code}.` : `${meaning} (${code}).`;
}

const TELLING = [StoreUnavailable, Overloaded, StoreRefused, ConfigError];

/**
 * Why something failed, as a sentence. Messages of unexpected errors are not repeated, because they
 * may quote a row.
 */
export function failureInWords(error: unknown): string {
  if (!(error instanceof Error)) return "It failed for an unknown reason.";
  if (!TELLING.some((Known) => error instanceof Known))
    return `An unexpected error occurred (${error.name}).`;
  const code = codeOf(error.cause);
  if (code !== undefined && MEANINGS[code] !== undefined)
    return `The database is unavailable. ${codeInWords(code)}`;
  return `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}${/[.!?]$/.test(error.message) ? "" : "."}`;
}

function codeOf(cause: unknown): string | undefined {
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? code : undefined;
}

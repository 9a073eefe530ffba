import type { FastifyReply } from "fastify";

/**
 * What every answer tells a browser, whatever it is: not to guess at its type, not to show it in a frame, to keep it from pages of others,
 * to load and run nothing of it, to tell nobody where it was, and to keep no copy. A route that needs something else sets it later: the
 * pages of documentation their own policy, lists what may be kept of them.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
};

/** The same as the lines of an answer that is written without Fastify. */
export const SECURITY_HEADER_LINES = Object.entries(SECURITY_HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join("");

/** Sets them, before anything else has a say. */
export function setSecurityHeaders(reply: FastifyReply): void {
  reply.headers(SECURITY_HEADERS);
}

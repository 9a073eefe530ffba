import { equal } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { systemClock } from "../../src/domain/clock.ts";
import type { Request } from "../../src/http/route.ts";
import { SessionCookies } from "../../src/http/session-cookies.ts";
import { SECRET } from "./service.ts";

/** What the dashboard sends with each request. */
export const UI = { "x-lyftr-ui": "1" };

/** Signs in and returns the cookie, as a browser sends it back. */
export async function signIn(
  url: string,
  key: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const answer = await postKey(url, key, headers);
  equal(answer.status, 200, await answer.text());
  return cookieIn(answer);
}

export function postKey(
  url: string,
  key: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const init = { ...UI, "content-type": "application/json", ...headers };
  return fetch(`${url}/session`, { method: "POST", headers: init, body: JSON.stringify({ key }) });
}

/** The only cookie that an answer sets. */
export function cookieIn(answer: Response): string {
  const [set = "", ...more] = answer.headers.getSetCookie();
  equal(more.length, 0);
  return set.slice(0, set.indexOf(";"));
}

export interface SealedCookie {
  /** How long ago the person signed in, and the cookie was made. */
  readonly signedInMsAgo?: number;
  readonly madeMsAgo?: number;
  readonly endsInMs?: number;
  readonly secret?: string;
}

/** A cookie of any age, as a service with that secret has made it. */
export function sealedCookie(
  key: string,
  { signedInMsAgo = 0, madeMsAgo = signedInMsAgo, endsInMs, secret = SECRET }: SealedCookie = {},
): string {
  const now = () => systemClock.now() - madeMsAgo;
  const sessions = new SessionCookies({ secrets: [{ secret }], clock: { now }, randomBytes });
  const begun = sessions.begin(key);
  const session = {
    ...begun,
    signedInMs: systemClock.now() - signedInMsAgo,
    endsMs: endsInMs === undefined ? begun.endsMs : systemClock.now() + endsInMs,
  };
  const set = sessions.cookieOf(session, { headers: {}, scheme: "http" } as Request);
  return set.slice(0, set.indexOf(";"));
}

import { KEY_NAME_PATTERN, SCOPES } from "../../domain/api-key.ts";
import { parseJson } from "../../domain/json.ts";
import { parseSignIn, SIGN_IN_KEY_CHARACTERS_MAX } from "../../domain/sign-in-request.ts";
import type { Auth, ReadMode, SignedIn } from "../auth.ts";
import { Schema } from "../json-schema.ts";
import type { RateLimiting } from "../rate-limit.ts";
import { invalid, json, type Reply } from "../reply.ts";
import type { Request, Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";
import type { SessionCookies } from "../session-cookies.ts";

const BODY = { bodyBytesMax: 16 * 1_024 };
/** Each client that asks is told whether it is signed in. No other page needs it. */
const OPEN = { path: "/session", access: "open", admission: "page", withoutCors: true } as const;
/** What the browser kept of this service may have messages in it. */
const FORGET = { "clear-site-data": '"cache"' };

export interface SessionRouteOptions {
  readonly auth: Pick<Auth, "signedIn" | "refuseGuess" | "refuseSignIn" | "refuseOtherPage">;
  readonly limiting: Pick<RateLimiting, "refuseKey">;
  readonly sessions: Pick<SessionCookies, "begin" | "renewed" | "cookieOf" | "endingCookies">;
  readonly readMode: () => ReadMode;
}

/**
 * `POST /session`, `GET /session` and `DELETE /session`: a person signs in with an API key, and
 * the browser keeps it in a cookie that no script can read.
 */
export function sessionRoutes(options: SessionRouteOptions): readonly Route[] {
  return [
    {
      ...OPEN,
      method: "POST",
      limits: BODY,
      schema: SIGN_IN_SCHEMA,
      handle: (request) => signIn(options, request),
    },
    { ...OPEN, method: "GET", schema: SHOW_SCHEMA, handle: (request) => show(options, request) },
    {
      ...OPEN,
      method: "DELETE",
      schema: SIGN_OUT_SCHEMA,
      handle: (request) => signOut(options, request),
    },
  ];
}

async function signIn(options: SessionRouteOptions, request: Request): Promise<Reply> {
  const { auth, limiting, sessions, readMode } = options;
  const otherPage = auth.refuseOtherPage(request);
  if (otherPage !== undefined) return otherPage;
  const body = parseJson(request.body);
  if (!body.ok) return invalid([body.issue]);
  const parsed = parseSignIn(body.value);
  if (!parsed.ok) return invalid(parsed.issues);
  const refusal = auth.refuseSignIn(request, parsed.key) ?? (await limiting.refuseKey(request));
  if (refusal !== undefined) return refusal;
  const holder = request.apiKey;
  if (holder === undefined) throw new Error("a sign-in was admitted without a key");
  const session = sessions.begin(parsed.key);
  return json(sessionBody({ session, holder }, readMode()), {
    cookies: [sessions.cookieOf(session, request)],
  });
}

/** Renews the cookie of a session in its second half. */
async function show(options: SessionRouteOptions, request: Request): Promise<Reply> {
  const { auth, limiting, sessions, readMode } = options;
  const signedIn = auth.signedIn(request);
  const refusal = auth.refuseGuess(request) ?? (await limiting.refuseKey(request));
  if (refusal !== undefined) return refusal;
  const renewed = signedIn && sessions.renewed(signedIn.session);
  if (signedIn === undefined || renewed === undefined)
    return json(sessionBody(signedIn, readMode()));
  return json(sessionBody({ ...signedIn, session: renewed }, readMode()), {
    cookies: [sessions.cookieOf(renewed, request)],
  });
}

/** It ends the session in this browser. A copy of the cookie is valid until its own end. */
function signOut({ auth, sessions }: SessionRouteOptions, request: Request): Reply {
  const otherPage = auth.refuseOtherPage(request);
  if (otherPage !== undefined) return otherPage;
  // For the log.
  auth.signedIn(request);
  return { status: 204, headers: FORGET, cookies: sessions.endingCookies(request) };
}

function sessionBody(signedIn: SignedIn | undefined, read: ReadMode) {
  return {
    signed_in: signedIn !== undefined,
    name: signedIn?.holder.name ?? null,
    scope: signedIn?.holder.scope ?? null,
    expires_at: signedIn === undefined ? null : new Date(signedIn.session.endsMs).toISOString(),
    read,
  };
}

const tags: RouteSchema["tags"] = ["administration"];
const headers = Schema.object({
  "X-Lyftr-UI": Schema.string({
    enum: ["1"],
    description:
      "Says that a page of this service sends the request. Other pages cannot send it. Without it a cookie is not " +
      "looked at.",
  }),
});
const SessionSchema = Schema.object({
  signed_in: Schema.boolean({ description: "Whether the cookie of the request is valid." }),
  name: Schema.union([Schema.string({ pattern: KEY_NAME_PATTERN }), Schema.null()], {
    description: "The name of the API key.",
  }),
  scope: Schema.union([Schema.string({ enum: [...SCOPES] }), Schema.null()], {
    description: "The scope of the API key.",
  }),
  expires_at: Schema.union([Schema.string(), Schema.null()], {
    description: "When the cookie ends, unless it is renewed. The key may end earlier.",
  }),
  read: Schema.string({
    enum: ["keys", "open", "until_first_key"],
    description:
      "Who may read: `keys`: clients with a key; `open`: all, by READ_AUTH; `until_first_key`: all until a key exists.",
  }),
});
const SessionResponse = {
  200: { ...SessionSchema, description: "Whether this browser is signed in, and who may read." },
};

const SIGN_IN_SCHEMA: RouteSchema = {
  operationId: "signIn",
  summary: "Sign in with an API key",
  description:
    "For the dashboard: the browser gets the key in an encrypted cookie that scripts cannot read. It ends after 12 " +
    "hours, and with the key. Programs send the key in `Authorization` instead.",
  tags,
  headers,
  body: Schema.object({
    key: Schema.string({ maxLength: SIGN_IN_KEY_CHARACTERS_MAX, description: "The API key." }),
  }),
  response: { ...SessionResponse, ...problemResponses(401, 413, 422, 429, 500, 503) },
};
const SHOW_SCHEMA: RouteSchema = {
  operationId: "showSession",
  summary: "Show whether the browser is signed in",
  description:
    "Renews the cookie when it has less than 6 hours left, up to 7 days after the sign-in.",
  tags,
  response: { ...SessionResponse, ...problemResponses(429, 500, 503) },
};
const SIGN_OUT_SCHEMA: RouteSchema = {
  operationId: "signOut",
  summary: "Sign out",
  description:
    "Deletes the cookie of this browser. Nothing is stored, so a copy of the cookie is valid until its end. Revoking " +
    "the key ends it at once.",
  tags,
  headers,
  response: {
    204: Schema.null({ description: "The browser is signed out." }),
    ...problemResponses(401, 429, 503),
  },
};

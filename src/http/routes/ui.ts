import { namesType, preferredCoding } from "../accept.ts";
import { hasTag } from "../cached-reply.ts";
import { type Headers, NOT_FOUND, type Reply } from "../reply.ts";
import type { Request, Route } from "../route.ts";
import type { WebFile, WebFolder } from "../web-files.ts";

/**
 * The page loads and asks only this service, and no text becomes markup or script: Trusted Types
 * refuse that, and there is no policy to get around them. Other pages get no hold of its window.
 */
const PAGE_HEADERS: Headers = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
    "require-trusted-types-for 'script'; trusted-types 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-cache",
};
/** The name of an asset has a hash of its content, so the content of a name never changes. */
const ASSET_HEADERS: Headers = { "cache-control": "public, max-age=31536000, immutable" };
const ICON_HEADERS: Headers = { "cache-control": "public, max-age=86400" };
/** The same as web/icon.svg. It is here so that it is there without a build. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><title>Lyftr</title><rect width="32" height="32" rx="7" fill="#0b6b5f"/><path d="M9 7.5v17h14" fill="none" stroke="#fff" stroke-width="3.6" stroke-linecap="round" stroke-linejoin="round"/><circle cx="21" cy="12" r="3.4" fill="#f0b45a"/></svg>`;
const NO_BODY = { "content-length": "0" };
/** Not a failure of the service: a 5xx would raise alerts. */
const NOT_BUILT: Reply = {
  status: 404,
  body: "The dashboard is not built: npm run build\n",
  type: "text/plain; charset=utf-8",
};

/** What the routes of the dashboard have in common: they contain nothing private. */
const OPEN = {
  method: "GET",
  access: "open",
  limits: { unlimited: true },
  admission: "page",
  untraced: true,
  withoutCors: true,
} as const;

/** `GET /`, `/ui/`, `/ui/assets/{name}` and `/favicon.ico`: the dashboard. */
export function uiRoutes({ folder }: { readonly folder: WebFolder }): readonly Route[] {
  return [
    {
      ...OPEN,
      path: "/",
      // To programs, this path does not exist.
      isFor: ({ method, headers }) =>
        (method === "GET" || method === "HEAD") && namesType(headers.accept, "text/html"),
      handle: () => redirect(303, "ui/", { vary: "Accept" }),
    },
    { ...OPEN, path: "/ui", handle: (request) => page(request, folder) },
    { ...OPEN, path: "/ui/assets/:name", handle: (request) => asset(request, folder) },
    {
      ...OPEN,
      path: "/favicon.ico",
      handle: () => ({ status: 200, headers: ICON_HEADERS, body: ICON, type: "image/svg+xml" }),
    },
  ];
}

/**
 * Redirects to an address that is relative to the one of the request, so that it holds below the
 * path prefix of a proxy too.
 */
export function redirect(
  status: 303 | 308,
  location: string,
  headers: Headers = {},
  log: Reply["log"] = {},
): Reply {
  return { status, headers: { ...headers, ...NO_BODY, location }, log };
}

/** The addresses in the page are relative to `/ui/`. */
async function page(request: Request, folder: WebFolder): Promise<Reply> {
  if (!request.hasTrailingSlash) return redirect(308, "ui/");
  const files = await folder.files();
  return files === undefined ? NOT_BUILT : fileReply(request, files.page, PAGE_HEADERS);
}

async function asset(request: Request, folder: WebFolder): Promise<Reply> {
  const files = await folder.files();
  const file = files?.assets.get(request.params.name ?? "");
  return file === undefined ? NOT_FOUND : fileReply(request, file, ASSET_HEADERS);
}

function fileReply(request: Request, file: WebFile, more: Headers): Reply {
  const coding = preferredCoding(request.headers["accept-encoding"], [...file.coded.keys()]);
  const { bytes, tag } = (coding && file.coded.get(coding)) ?? file.plain;
  const headers = { ...more, etag: `"${tag}"`, vary: "Accept-Encoding" };
  if (hasTag(request.headers["if-none-match"], tag)) return { status: 304, headers };
  return {
    status: 200,
    headers: coding === undefined ? headers : { ...headers, "content-encoding": coding },
    body: bytes,
    type: file.type,
  };
}

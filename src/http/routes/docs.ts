import { readFile } from "node:fs/promises";
import { namesType } from "../accept.ts";
import { NOT_FOUND, type Reply } from "../reply.ts";
import type { Request, Route } from "../route.ts";
import { redirect } from "./ui.ts";

/**
 * For a page that loads only files of this service. It must not send browsers of a service on plain
 * HTTP to HTTPS.
 */
const PAGE_HEADERS = {
  "content-security-policy":
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'",
};
const JAVASCRIPT = "application/javascript; charset=utf-8";
/** The files of Swagger UI that the page uses, and their types. */
const FILES = new Map([
  ["swagger-ui.css", "text/css; charset=utf-8"],
  ["index.css", "text/css; charset=utf-8"],
  ["swagger-ui-bundle.js", JAVASCRIPT],
  ["favicon-16x16.png", "image/png"],
  ["favicon-32x32.png", "image/png"],
]);
const INITIALIZER = `window.onload = () => {
  SwaggerUIBundle({
    // Relative to the URL of the page, so that it works behind a proxy that adds a prefix.
    url: new URL("./json", location.href.replace(/[?#].*$/, "").replace(/\\/?$/, "/")).href,
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null,
    plugins: [SwaggerUIBundle.plugins.DownloadUrl],
    layout: "BaseLayout",
    // Without it, a cookie counts for reading only.
    requestInterceptor: (request) => {
      if (!/^(GET|HEAD)$/i.test(request.method ?? "GET")) request.headers["X-Lyftr-UI"] = "1";
      return request;
    },
  });
};
`;

/** `GET /openapi.json` and the interactive `/docs`, which needs nothing from the internet. */
export function docsRoutes(document: object): readonly Route[] {
  // Relative to the address of the document, so that requests of the page stay below the path
  // prefix of a proxy.
  const ofPage = { ...document, servers: [{ url: "..", description: "This service" }] };
  const file = (path: string, reply: Reply | Route["handle"]): Route => ({
    method: "GET",
    path,
    access: "read",
    handle: typeof reply === "function" ? reply : () => reply,
  });
  return [
    file("/openapi.json", { status: 200, body: JSON.stringify(document) }),
    {
      ...file("/docs", ({ hasTrailingSlash }) =>
        page(html(hasTrailingSlash ? "." : "docs"), "text/html; charset=utf-8"),
      ),
      whenRefused: toSignIn,
    },
    file("/docs/json", page(JSON.stringify(ofPage), "application/json; charset=utf-8")),
    file("/docs/yaml", async () => {
      // Loaded when it is asked for: it takes 30 ms of CPU, and most services are never asked.
      const { stringify } = await import("yaml");
      return page(stringify(ofPage, { strict: false }), "application/x-yaml");
    }),
    // A second URL of the page.
    file("/docs/static/index.html", {
      status: 302,
      headers: { ...PAGE_HEADERS, location: "../", "content-length": "0" },
    }),
    file("/docs/static/swagger-initializer.js", page(INITIALIZER, JAVASCRIPT)),
    file("/docs/static/*", ({ params }) => staticFile(params["*"] ?? "")),
  ];
}

/** A person without a key signs in at the dashboard, which then leads back here. */
function toSignIn(request: Request, { status, log = {} }: Reply): Reply | undefined {
  const { accept, authorization } = request.headers;
  if (status !== 401 || authorization !== undefined || !namesType(accept, "text/html"))
    return undefined;
  const root = request.hasTrailingSlash ? "../" : "";
  return redirect(303, `${root}ui/#/sign-in?then=docs`, { vary: "Accept, Cookie" }, log);
}

function page(body: string | Buffer, type: string): Reply {
  return { status: 200, headers: PAGE_HEADERS, body, type };
}

/** Read from disk at each request, because the page is opened rarely and its files take 1.9 MB. */
async function staticFile(name: string): Promise<Reply> {
  const type = FILES.get(name);
  if (type === undefined) return { ...NOT_FOUND, headers: PAGE_HEADERS };
  const file = import.meta.resolve(`@fastify/swagger-ui/static/${name}`);
  return page(await readFile(new URL(file)), type);
}

function html(base: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="UTF-8">
    <title>Lyftr API</title>
    <link rel="stylesheet" type="text/css" href="${base}/static/swagger-ui.css">
    <link rel="stylesheet" type="text/css" href="${base}/static/index.css">
    <link rel="icon" type="image/png" href="${base}/static/favicon-32x32.png" sizes="32x32">
    <link rel="icon" type="image/png" href="${base}/static/favicon-16x16.png" sizes="16x16">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="${base}/static/swagger-ui-bundle.js" charset="UTF-8"></script>
    <script src="${base}/static/swagger-initializer.js" charset="UTF-8"></script>
  </body>
</html>
`;
}

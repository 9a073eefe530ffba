import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { SECURITY_SCHEME } from "../auth.ts";
import { sendJsonText } from "../json.ts";

// The library's own policy upgrades to https, which breaks the page on a plain http host, and forbids the styles its page sets.
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'";

/** `GET /openapi.json` and the interactive `/docs`, which needs nothing from the internet. Registered before the routes it describes. */
export async function docsRoutes(server: FastifyInstance, { version }: { readonly version: string }): Promise<void> {
  let text: string | undefined;
  // The document does not change once the service has started, so it is written once.
  const json = () => {
    text ??= JSON.stringify(server.swagger());
    return text;
  };
  await server.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Lyftr",
        version,
        description:
          "A webhook inbox: verifies every request, stores each message once, acknowledges only what is on disk.\n\n" +
          "Where a lock is shown, an API key is asked for: `Authorization: Bearer lyftr_…`. `lyftr keys create` makes one; " +
          "“Authorize” sends it with what is tried out here. Until the first key exists everybody may read, unless the operator " +
          "decided otherwise, and such answers have `X-Read-Auth: open`.",
      },
      components: { securitySchemes: { [SECURITY_SCHEME]: { type: "http", scheme: "bearer" } } },
      tags: [
        { name: "messages", description: "What came in" },
        { name: "operations", description: "How the service is" },
        { name: "administration", description: "Who may use it, and what was done" },
      ],
    },
  });
  await server.register(swaggerUi, {
    routePrefix: "/docs",
    theme: { title: "Lyftr API" },
    uiConfig: { layout: "BaseLayout" },
    staticCSP: CONTENT_SECURITY_POLICY,
    uiHooks: {
      onRequest: (request, reply, done) => {
        const { url } = request.routeOptions;
        // The page's other address. The plugin would redirect it to itself when a slash ends it.
        if (url === "/docs/static/index.html") reply.redirect("/docs/");
        else if (url === "/docs/json") sendJsonText(reply, json(), "application/json; charset=utf-8");
        else done();
      },
    },
  });
  server.get("/openapi.json", { schema: { hide: true } }, async (_request, reply) => sendJsonText(reply, json()));
}

import { Server } from "../../src/http/server.ts";

/** A route of the server itself, not of a document. */
export interface ListedRoute {
  readonly method: string;
  /** With `:name` and `*` for variable parts. */
  readonly url: string;
}

/** All routes of servers made during `work`, including HEAD. */
export async function routesDuring(work: () => Promise<unknown>): Promise<readonly ListedRoute[]> {
  const routes: ListedRoute[] = [];
  const { listen } = Server;
  Server.listen = (options) => {
    for (const { method, path: url } of options.routes) {
      routes.push({ method, url });
      if (method === "GET") routes.push({ method: "HEAD", url });
    }
    return listen.call(Server, options);
  };
  try {
    await work();
  } finally {
    Server.listen = listen;
  }
  return routes;
}

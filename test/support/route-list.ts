import { Server } from "../../src/http/server.ts";

/** A route as the server has it, not as any document tells it. */
export interface ListedRoute {
  readonly method: string;
  /** With `:name` and `*` for what may stand there. */
  readonly url: string;
}

/** Everything that servers made during `work` answer to, HEAD too. */
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

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { FastifyInstance } from "fastify";

/** A route as Fastify has it, not as any document tells it. */
export interface ListedRoute {
  readonly method: string;
  /** With `:name` and `*` for what may stand there. */
  readonly url: string;
}

const INITIALIZED = "fastify.initialization";

/** Everything that servers made during `work` answer to, HEAD too. */
export async function routesDuring(work: () => Promise<unknown>): Promise<readonly ListedRoute[]> {
  const routes = new Map<string, ListedRoute>();
  const listen = (message: unknown) => {
    (message as { readonly fastify: FastifyInstance }).fastify.addHook("onRoute", ({ method, url }) => {
      for (const one of [method].flat()) routes.set(`${one} ${url}`, { method: one, url });
    });
  };
  subscribe(INITIALIZED, listen);
  try {
    await work();
  } finally {
    unsubscribe(INITIALIZED, listen);
  }
  return [...routes.values()];
}

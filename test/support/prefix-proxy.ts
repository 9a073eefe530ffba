import { createServer, request } from "node:http";

/** A proxy that has a service below a path, as nginx does with `location /lyftr/`. */
export interface PrefixProxy extends AsyncDisposable {
  /** With the path and without a slash at the end. */
  readonly url: string;
  /** The targets of the requests outside of the path. */
  readonly strays: readonly string[];
}

export async function prefixProxy(servicePort: number, prefix = "/lyftr"): Promise<PrefixProxy> {
  const strays: string[] = [];
  const server = createServer((asked, answer) => {
    const { url = "", method = "GET", headers } = asked;
    if (!url.startsWith(`${prefix}/`)) {
      strays.push(url);
      answer.writeHead(404).end();
      return;
    }
    const target = { host: "127.0.0.1", port: servicePort, path: url.slice(prefix.length) };
    const passed = request({ ...target, method, headers }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    asked.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    strays,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Where a service that listens on `host` and `port` is reached from its own machine, for example `http://127.0.0.1:8000`. */
export function localUrl(host: string, port: number): string {
  const address = ["0.0.0.0", "::"].includes(host) ? "127.0.0.1" : host;
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
}

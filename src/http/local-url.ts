/** Where a service that listens on `host` and `port` is reached from its own machine, for example `http://127.0.0.1:8000`. */
export function localUrl(host: string, port: number): string {
  const address = ["0.0.0.0", "::"].includes(host) ? "127.0.0.1" : host;
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
}

const EVERY_ADDRESS: Readonly<Record<string, string>> = {
  "0.0.0.0": "every IPv4 address of this machine",
  "::": "every address of this machine",
};

/** Who can reach a service that listens on `host`, in words. */
export function listensOn(host: string): string {
  const isLoopback = /^(127\.[0-9.]+|::1|localhost)$/.test(host);
  return EVERY_ADDRESS[host] ?? (isLoopback ? `${host}, from this machine only` : host);
}

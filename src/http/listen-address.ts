import { once } from "node:events";
import { createServer } from "node:net";
import { ConfigError } from "../domain/errors.ts";

const UNKNOWN_NAME = ["ENOTFOUND", "EAI_AGAIN"];
const ADDRESSES = "Use 127.0.0.1 for this machine only, or 0.0.0.0 for all its addresses";

/**
 * Rejects with the error of listening if the port cannot be used. Must be called before the
 * database is opened. If the older service still has the port, the start fails, and must not have
 * taken over its database.
 */
export async function requireFreePort(host: string, port: number): Promise<void> {
  const probe = createServer((socket) => socket.destroy());
  probe.listen({ host, port });
  await once(probe, "listening").catch((error: NodeJS.ErrnoException) => {
    if (!UNKNOWN_NAME.includes(error.code ?? "")) throw error;
    throw new ConfigError([`HOST is "${host}", an unknown name. ${ADDRESSES}`]);
  });
  probe.close();
  await once(probe, "close");
}

/** The URL of the service on its own machine, for example `http://127.0.0.1:8000`. */
export function localUrl(host: string, port: number): string {
  const address = ["0.0.0.0", "::"].includes(host) ? "127.0.0.1" : host;
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
}

const EVERY_ADDRESS: Readonly<Record<string, string>> = {
  "0.0.0.0": "every IPv4 address of this machine",
  "::": "every address of this machine",
};

/** Which clients can reach a service that listens on `host`, in words. */
export function listensOn(host: string): string {
  const isLoopback = /^(127\.[0-9.]+|::1|localhost)$/.test(host);
  return EVERY_ADDRESS[host] ?? (isLoopback ? `${host}, from this machine only` : host);
}

import { once } from "node:events";
import { createServer } from "node:net";
import { ConfigError } from "../domain/errors.ts";

const UNKNOWN_NAME = ["ENOTFOUND", "EAI_AGAIN"];
const ADDRESSES = "127.0.0.1 is this machine only, 0.0.0.0 is every address of it";

/**
 * Rejects with the error of listening when nothing can listen there. To be called before the database
 * is opened: a start that ends because the older service still has the port must not have taken its
 * database over.
 */
export async function requireFreePort(host: string, port: number): Promise<void> {
  const probe = createServer((socket) => socket.destroy());
  probe.listen({ host, port });
  await once(probe, "listening").catch((error: NodeJS.ErrnoException) => {
    if (!UNKNOWN_NAME.includes(error.code ?? "")) throw error;
    throw new ConfigError([`HOST is "${host}", a name that is not known. ${ADDRESSES}`]);
  });
  probe.close();
  await once(probe, "close");
}

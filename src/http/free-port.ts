import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Rejects with the error of listening when nothing can listen there. To be called before the database
 * is opened: a start that ends because the older service still has the port must not have taken its
 * database over.
 */
export async function requireFreePort(host: string, port: number): Promise<void> {
  // Any free port will do.
  if (port === 0) return;
  const probe = createServer((socket) => socket.destroy());
  probe.listen({ host, port });
  await once(probe, "listening");
  probe.close();
  await once(probe, "close");
}

import { randomBytes, randomUUID } from "node:crypto";
import { systemClock } from "../../domain/clock.ts";
import { KeyIssuer } from "../../keys/key-issuer.ts";
import { openCredentials, openStore } from "../../store/open.ts";

/**
 * Makes an admin key in the database of the demo, which is created if it is missing. The service
 * must not run yet: it would learn of the key some seconds later.
 */
export async function makeDemoKey(databaseUrl: string): Promise<string> {
  await (await openStore(databaseUrl)).close();
  const { keys: store, close } = await openCredentials(databaseUrl, "write");
  try {
    const runtime = { clock: systemClock, newId: randomUUID };
    const issuer = new KeyIssuer(runtime, { store, randomBytes });
    const made = await issuer.create({ name: "demo", scope: "admin" }, "cli");
    if (made.kind !== "created") throw new Error(`no key for the demo: ${made.kind}`);
    return made.text;
  } finally {
    await close();
  }
}

import { setTimeout } from "node:timers/promises";
import { freePort, ServerFolder } from "./server-folder.ts";
import { sql } from "./sql.ts";

const START_MS_MAX = 10_000;
const SERVER_CONNECTIONS_MAX = 4;

/** The same database through a PgBouncer of this test. */
export interface Bouncer extends AsyncDisposable {
  readonly url: string;
}

/**
 * Starts PgBouncer in transaction mode, with fewer connections to the server than the service has
 * to it, and with defaults only.
 */
export async function pgbouncerFor(url: string): Promise<Bouncer> {
  const { hostname, port, username } = new URL(url);
  const folder = new ServerFolder("pgbouncer");
  const users = folder.write("users", `"${username}" ""\n`);
  const listenPort = await freePort();
  const settings = folder.write(
    "pgbouncer.ini",
    `[databases]
* = host=${hostname} port=${port || 5432}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${SERVER_CONNECTIONS_MAX}
max_client_conn = 200
`,
  );
  const child = folder.spawn("pgbouncer", [settings]);
  const through = new URL(url);
  through.hostname = "127.0.0.1";
  through.port = String(listenPort);
  const deadline = performance.now() + START_MS_MAX;
  for (;;) {
    const answered = await sql(through.href, "SELECT 1").catch(() => undefined);
    if (answered !== undefined) break;
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      const log = folder.log();
      await folder[Symbol.asyncDispose]();
      throw new Error(`PgBouncer does not start:\n${log}`);
    }
    await setTimeout(20);
  }
  return { url: through.href, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

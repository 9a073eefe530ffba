import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createDatabase, dropDatabase, type FreshDatabase, sql, withDatabase } from "./sql.ts";

const BIN = fileURLToPath(new URL("../../bin/lyftr.js", import.meta.url));

interface Node {
  readonly host: string;
  readonly port: number;
}

/**
 * A database on every node of the cluster of TEST_CITUS_URL, with the tables of the service
 * distributed over them.
 */
export async function createOnCluster(name: string): Promise<FreshDatabase> {
  const coordinator = process.env.TEST_CITUS_URL;
  if (!coordinator)
    throw new Error("TEST_CITUS_URL must name a database of a superuser on the coordinator");
  const workers = await workersOf(coordinator);
  const nodes = [coordinator, ...workers.map((worker) => onNode(coordinator, worker))];
  const drop = async () => {
    for (const node of nodes) await dropDatabase(withDatabase(node, "postgres"), name);
  };
  const url = withDatabase(coordinator, name);
  try {
    for (const node of nodes) {
      await createDatabase(withDatabase(node, "postgres"), name);
      await sql(withDatabase(node, name), "CREATE EXTENSION citus");
    }
    const { hostname, port } = new URL(coordinator);
    await sql(url, "SELECT citus_set_coordinator_host($1, $2)", [hostname, Number(port || 5432)]);
    for (const worker of workers)
      await sql(url, "SELECT citus_add_node($1, $2)", [worker.host, worker.port]);
    const env = { PATH: process.env.PATH ?? "", DATABASE_URL: url };
    await promisify(execFile)(process.execPath, [BIN, "migrate", "--citus"], { cwd: "/", env });
  } catch (error) {
    await drop().catch(() => undefined);
    throw error;
  }
  return { url, drop, [Symbol.asyncDispose]: drop };
}

async function workersOf(coordinator: string): Promise<readonly Node[]> {
  const rows = await sql(
    coordinator,
    `SELECT nodename AS host, nodeport AS port FROM pg_dist_node
     WHERE groupid <> 0 AND noderole = 'primary' AND isactive ORDER BY nodeid`,
  );
  return rows.map(({ host, port }) => ({ host: String(host), port: Number(port) }));
}

function onNode(url: string, { host, port }: Node): string {
  const other = new URL(url);
  other.hostname = host;
  other.port = String(port);
  return other.href;
}

import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** A program that some tests need besides Node.js. */
interface Tool {
  readonly name: string;
  readonly neededFor: string;
  /** Its Debian package. */
  readonly debian: string;
}

export const REQUIRED_TOOLS: readonly Tool[] = [
  { name: "chromium", neededFor: "the documentation page in a real browser", debian: "chromium" },
  {
    name: "strace",
    neededFor: "I/O errors of the disk, and that an answer follows its fsync",
    debian: "strace",
  },
  { name: "gcc", neededFor: "disks that lose writes, are slow or full", debian: "build-essential" },
  { name: "faketime", neededFor: "clocks that jump, in the fault campaign", debian: "faketime" },
  { name: "wrk", neededFor: "that the benchmarks still run", debian: "wrk" },
  { name: "openssl", neededFor: "TLS to PostgreSQL", debian: "openssl" },
  { name: "pgbouncer", neededFor: "PostgreSQL behind PgBouncer", debian: "pgbouncer" },
  { name: "haproxy", neededFor: "several replicas behind a load balancer", debian: "haproxy" },
  { name: "curl", neededFor: "the example of sending with curl", debian: "curl" },
  { name: "python3", neededFor: "the example of sending with Python", debian: "python3" },
  {
    name: "redis-server",
    neededFor: "limits and answers that replicas share",
    debian: "redis-server",
  },
  {
    name: "prometheus",
    neededFor: "the rules of alerts and the queries of dashboards",
    debian: "prometheus",
  },
  { name: "promtool", neededFor: "the tests of the rules of alerts", debian: "prometheus" },
  {
    name: "prometheus-alertmanager",
    neededFor: "that a fault pages once",
    debian: "prometheus-alertmanager",
  },
  {
    name: "amtool",
    neededFor: "the configuration of Alertmanager",
    debian: "prometheus-alertmanager",
  },
  {
    name: "kubectl",
    neededFor: "that Kustomize can build the manifests",
    debian: "kubernetes-client",
  },
  { name: "nginx", neededFor: "the service behind nginx", debian: "nginx" },
  {
    name: "systemd-analyze",
    neededFor: "the unit of systemd, and how little it may do",
    debian: "systemd",
  },
  // Part of a server, unlike pg_dump alone.
  {
    name: "pg_createcluster",
    neededFor: "that a dump of PostgreSQL can be restored",
    debian: "postgresql",
  },
];

/** The names of the tools on PATH. */
export function availableTools(): ReadonlySet<string> {
  return new Set(REQUIRED_TOOLS.map(({ name }) => name).filter(isOnPath));
}

/**
 * For node:test's `skip`: false when the tool is available, else the reason. In CI nothing is
 * skipped: the test then fails because the tool is missing.
 */
export function unlessTool(name: string): string | false {
  if (process.env.CI === "true" || isOnPath(name)) return false;
  return `${name} is not on this machine`;
}

export function isOnPath(name: string): boolean {
  return (process.env.PATH ?? "").split(":").some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

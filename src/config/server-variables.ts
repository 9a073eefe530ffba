import { flag, host, integer, LOG_LEVELS, logLevel, WORKERS_MAX, workers } from "./values.ts";
import type { Variable } from "./variable.ts";

export interface ServerConfig {
  readonly host: string;
  readonly port: number;
  /** Processes that share the port. */
  readonly workers: number;
  readonly logLevel: string;
  /** Whether successful health checks are logged. */
  readonly logHealth: boolean;
  readonly bodyBytesMax: number;
  /** The maximum number of client connections of one process. */
  readonly connectionsMax: number;
  readonly drainMs: number;
}

export const SERVER_VARIABLES: { readonly [K in keyof ServerConfig]: Variable<ServerConfig[K]> } = {
  host: {
    name: "HOST",
    fallback: "0.0.0.0",
    help: "The address to listen on. `127.0.0.1` accepts connections from this machine only.",
    values: "One address or name. `0.0.0.0` is every IPv4 address, `::` every address.",
    details: [
      "The log line `listening` says which addresses these are (`listens_on`), and whether reading is open.",
    ],
    parse: host,
  },
  port: {
    name: "PORT",
    fallback: "8000",
    help: "The TCP port to listen on.",
    values: "0 to 65535. `0` chooses a free port, and the log shows it.",
    parse: integer(0, 65_535),
  },
  workers: {
    name: "WORKERS",
    fallback: "1",
    help: "Processes that share the port, with PostgreSQL.",
    values: `1 to ${WORKERS_MAX}, or \`auto\` for one per processor`,
    unit: "processes",
    details: [
      "`lyftr serve --workers` overrides it. SQLite has one writer, so with SQLite one process serves and " +
        "a WARNING says so.",
    ],
    parse: workers,
  },
  logLevel: {
    name: "LOG_LEVEL",
    fallback: "INFO",
    help: "The lowest level that is logged.",
    values: `${LOG_LEVELS.map((level) => `\`${level}\``).join(", ")}, in any case`,
    details: ["Other names of Python's logging are accepted too: `WARN`, `FATAL`, `30`."],
    parse: logLevel,
  },
  logHealth: {
    name: "LOG_HEALTH",
    fallback: "1",
    help: "`0`: health checks that succeed are not logged.",
    values: "`0` or `1`",
    parse: flag,
  },
  bodyBytesMax: {
    name: "MAX_BODY_BYTES",
    fallback: "262144",
    help: "The largest accepted webhook. A larger one gets 413.",
    values: "1 to 16777216",
    unit: "bytes",
    parse: integer(1, 16 * 1024 * 1024),
  },
  connectionsMax: {
    name: "MAX_CONNECTIONS",
    fallback: "5000",
    help: "The maximum number of client connections of one process.",
    values: "16 to 100000",
    unit: "connections",
    details: ["Each connection takes an open file and may take 37 kB of memory."],
    parse: integer(16, 100_000),
  },
  drainMs: {
    name: "DRAIN_TIMEOUT_MS",
    fallback: "10000",
    help: "How long a shutdown waits for requests in progress.",
    values: "0 to 600000",
    unit: "milliseconds",
    details: ["Connections that are still open after that are closed."],
    parse: integer(0, 600_000),
  },
};

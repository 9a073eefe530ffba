import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Runtime } from "../runtime.ts";
import { networkOf } from "./client-address.ts";
import { type Admission, Connection } from "./connection.ts";
import { framingOf } from "./framing.ts";

/** The share of all connections that one address may have. */
const SHARE_OF_ONE_ADDRESS = 0.75;
/**
 * The maximum number of requests, on all connections together, that wait for an earlier request of
 * their connection. Each takes some 4 kB.
 */
const WAITING_REQUESTS_MAX = 8_192;
const LOGGED_EVERY_MS = 10_000;

export interface ConnectionsOptions {
  /** The maximum number of connections of this process. */
  readonly connectionsMax: number;
  /** Whether an address belongs to a proxy with many clients behind it. */
  readonly isProxy: (address: string) => boolean;
  readonly runtime: Pick<Runtime, "clock" | "log" | "metrics">;
}

/** An honest client sends its first request within this time. */
const FIRST_REQUEST_MS_MAX = 1_000;

/**
 * All connections of the server, including those that Node has released because of CONNECT.
 *
 * When there are too many, a new connection replaces one that has waited long without a complete
 * request. Connections without headers go first, then those with an incomplete body, then those
 * between two requests. So silent and slow connections keep neither probes nor honest clients out.
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #bySocket = new Map<Socket, Connection>();
  /** Connections that have never sent the headers of a request, the oldest first. */
  readonly #silent = new Set<Connection>();
  /** The other connections; the one with the least recent answer comes first. */
  readonly #used = new Set<Connection>();
  /** Connections with a request whose body had not arrived yet, the oldest first. */
  readonly #uploading = new Set<Connection>();
  readonly #countByNetwork = new Map<string, number>();
  readonly #waiting = { count: 0, countMax: WAITING_REQUESTS_MAX };
  #opened = 0;
  #refusedSinceLog = 0;
  #loggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Tracks the connections of a server from now on. */
  watch(server: Server): void {
    const { connectionsMax, runtime } = this.#options;
    server.maxConnections = connectionsMax;
    runtime.metrics.connectionsMax.set(connectionsMax);
    server.on("drop", () => this.#countRefused());
    server.on("connection", (socket) => this.#add(socket));
    // Node's own method would destroy them. A client that is just sending would see a reset.
    server.closeIdleConnections = () => this.endIdle();
    // Node's own method forgets a connection at CONNECT.
    server.closeAllConnections = () => this.destroyAll();
  }

  /** The number of connections since the start. */
  get opened(): number {
    return this.#opened;
  }

  of(socket: Socket): Connection | undefined {
    return this.#bySocket.get(socket);
  }

  /** Takes a request whose headers have arrived. */
  admit(request: IncomingMessage, response: ServerResponse, admission: Admission): void {
    const connection = this.#bySocket.get(request.socket);
    if (connection === undefined) return;
    // Before the next request arrives: see there.
    framingOf(request);
    this.#silent.delete(connection);
    this.#used.add(connection);
    if (hasBody(request)) this.#uploading.add(connection);
    connection.admit(request, response, admission, () => {
      // Moves to the end of the order, unless it is closed.
      if (this.#used.delete(connection)) this.#used.add(connection);
    });
  }

  /** Closes this side of the connections without a request. They are destroyed soon after. */
  endIdle(): void {
    for (const connection of this.#bySocket.values())
      if (connection.isIdle()) connection.end(undefined);
  }

  destroyAll(): void {
    for (const socket of [...this.#bySocket.keys()]) socket.destroy();
  }

  #add(socket: Socket): void {
    const { connectionsMax, isProxy, runtime } = this.#options;
    const address = socket.remoteAddress ?? "";
    const network = networkOf(address);
    const openedMs = runtime.clock.monotonic();
    const connection = new Connection({ socket, network, openedMs, waitingOfAll: this.#waiting });
    this.#opened++;
    runtime.metrics.connectionsOpen.inc();
    const count = (this.#countByNetwork.get(network) ?? 0) + 1;
    this.#countByNetwork.set(network, count);
    this.#bySocket.set(socket, connection);
    this.#silent.add(connection);
    socket.once("close", () => this.#remove(connection));
    const isOverShare =
      count > Math.ceil(connectionsMax * SHARE_OF_ONE_ADDRESS) && !isProxy(address);
    if (isOverShare)
      this.#makeRoom((other) => other !== connection && other.network === network, connection);
    else if (this.#bySocket.size >= connectionsMax) this.#makeRoom((other) => other !== connection);
  }

  #remove(connection: Connection): void {
    this.#options.runtime.metrics.connectionsOpen.dec();
    this.#bySocket.delete(connection.socket);
    this.#silent.delete(connection);
    this.#used.delete(connection);
    this.#uploading.delete(connection);
    const count = (this.#countByNetwork.get(connection.network) ?? 1) - 1;
    if (count === 0) this.#countByNetwork.delete(connection.network);
    else this.#countByNetwork.set(connection.network, count);
    connection.gone();
  }

  /**
   * Closes a connection that matches `fits` and has no complete request under way; otherwise
   * `instead`, if given.
   */
  #makeRoom(fits: (connection: Connection) => boolean, instead?: Connection): void {
    const found = this.#firstWithoutRequest(fits) ?? instead;
    if (found === undefined) return;
    this.#countRefused();
    found.socket.destroy();
  }

  #firstWithoutRequest(fits: (connection: Connection) => boolean): Connection | undefined {
    const silent = firstOf(this.#silent, fits);
    if (
      silent !== undefined &&
      this.#options.runtime.clock.monotonic() - silent.openedMs > FIRST_REQUEST_MS_MAX
    )
      return silent;
    return (
      this.#firstUploading(fits) ??
      silent ??
      firstOf(this.#used, (one) => fits(one) && !one.isBusy())
    );
  }

  #firstUploading(fits: (connection: Connection) => boolean): Connection | undefined {
    for (const connection of this.#uploading) {
      if (!connection.isUploading()) this.#uploading.delete(connection);
      else if (fits(connection)) return connection;
    }
    return undefined;
  }

  #countRefused(): void {
    const { runtime, connectionsMax } = this.#options;
    const nowMs = runtime.clock.monotonic();
    runtime.metrics.connectionsRefused.inc();
    this.#refusedSinceLog++;
    if (nowMs - this.#loggedMs < LOGGED_EVERY_MS) return;
    runtime.log.warn({
      msg: "too many connections: the ones that waited longest without a request, or new ones, are closed. Check connections_open, MAX_CONNECTIONS and the limit of open files",
      closed: this.#refusedSinceLog,
      connections: this.#bySocket.size,
      connections_max: connectionsMax,
    });
    this.#refusedSinceLog = 0;
    this.#loggedMs = nowMs;
  }
}

function firstOf(
  connections: Iterable<Connection>,
  fits: (connection: Connection) => boolean,
): Connection | undefined {
  for (const connection of connections) if (fits(connection)) return connection;
  return undefined;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * What happens to bytes on their way. `pass`. `delay`: each chunk 200 ms later. `drip`: one byte a
 * second. `blackHole`: they vanish. `reset`, `halfClose` and `close` do that to every existing
 * connection, and to each new one. `refuse`: no new connections, and the existing ones are closed.
 */
export type Mode =
  | "pass"
  | "delay"
  | "drip"
  | "blackHole"
  | "reset"
  | "halfClose"
  | "close"
  | "refuse";

const DELAY_MS = 200;
const DRIP_MS = 1_000;
/** Type and length of a message of PostgreSQL's protocol. */
const MESSAGE_HEADER_BYTES = 5;

/**
 * One connection through the proxy. `lost`: some of its bytes are gone, so nothing more can be
 * forwarded.
 */
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  lost: boolean;
}

/**
 * A network between a service and its database that breaks on demand. A connection that has lost
 * bytes stays dead when the network recovers, and neither end is told: like with a firewall that
 * has forgotten it.
 */
export class TcpProxy implements AsyncDisposable {
  readonly #listener: Server;
  readonly #pairs = new Set<Pair>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #target: { readonly host: string; readonly port: number };
  #port = 0;
  #mode: Mode = "pass";
  #cut: { readonly before: string; readonly done: () => void } | undefined;

  static async to(url: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(url);
    const proxy = new TcpProxy(hostname, Number(port || 5432));
    await proxy.#listen();
    return proxy;
  }

  async #listen(): Promise<void> {
    this.#listener.listen(this.#port, "127.0.0.1");
    await once(this.#listener, "listening");
    this.#port = (this.#listener.address() as { readonly port: number }).port;
  }

  constructor(host: string, port: number) {
    this.#target = { host, port };
    const options = { allowHalfOpen: true, noDelay: true };
    this.#listener = createServer(options, (client) =>
      this.#take(client, connect({ ...this.#target, ...options })),
    );
  }

  /** New connections lead to this server. The existing ones are closed. */
  leadTo(url: string): void {
    const { hostname, port } = new URL(url);
    this.#target = { host: hostname, port: Number(port) };
    for (const pair of this.#pairs) destroy(pair);
  }

  /** The same URL through this proxy. */
  through(url: string): string {
    const other = new URL(url);
    other.hostname = "127.0.0.1";
    other.port = String(this.#port);
    return other.href;
  }

  /** From now on. */
  set(mode: Mode): void {
    if (mode === "refuse") this.#listener.close();
    else if (!this.#listener.listening) void this.#listen();
    const lossy = this.#mode === "blackHole" || this.#mode === "drip";
    this.#mode = mode;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const pair of this.#pairs) {
      pair.lost ||= lossy || mode === "blackHole";
      this.#apply(pair);
    }
  }

  /**
   * The next connection on which the service sends this to the server is lost just before it.
   * Resolves when that has happened.
   */
  cutBefore(statement: string): Promise<void> {
    return new Promise((done) => {
      this.#cut = { before: statement, done };
    });
  }

  #take(client: Socket, server: Socket): void {
    const pair = { client, server, lost: this.#mode === "blackHole" };
    this.#pairs.add(pair);
    for (const socket of [client, server]) socket.on("error", () => undefined);
    this.#carry(pair, client, server);
    this.#carry(pair, server, client);
    this.#apply(pair);
  }

  #apply({ client, server }: Pair): void {
    if (this.#mode === "reset") {
      client.resetAndDestroy();
      server.destroy();
    }
    if (this.#mode === "halfClose") client.end();
    if (this.#mode === "close" || this.#mode === "refuse") {
      client.end();
      server.end();
      destroy({ client, server });
    }
  }

  #carry(pair: Pair, from: Socket, to: Socket): void {
    const write = (bytes: Buffer) => {
      if (to.writable) to.write(bytes);
    };
    const drip = (bytes: Buffer) => {
      if (bytes.length === 0) return;
      write(bytes.subarray(0, 1));
      this.#later(() => drip(bytes.subarray(1)), DRIP_MS);
    };
    from.on("data", (bytes: Buffer) => {
      if (pair.lost) return;
      const cut = from === pair.client ? this.#cut : undefined;
      const at = cut === undefined ? -1 : bytes.indexOf(cut.before);
      if (at >= 0) {
        write(bytes.subarray(0, at - MESSAGE_HEADER_BYTES));
        pair.lost = true;
        this.#cut = undefined;
        cut?.done();
      } else if (this.#mode === "delay") this.#later(() => write(bytes), DELAY_MS);
      else if (this.#mode === "drip") drip(bytes);
      else write(bytes);
    });
    from.on("end", () => {
      if (!pair.lost && to.writable) to.end();
    });
    from.on("close", () => {
      if (pair.lost) return;
      destroy(pair);
      this.#pairs.delete(pair);
    });
  }

  #later(work: () => void, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const pair of this.#pairs) destroy(pair);
  }
}

function destroy({ client, server }: Pick<Pair, "client" | "server">): void {
  client.destroy();
  server.destroy();
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Certificate } from "./certificate.ts";

/** A server that treats each connection as the test says, in bytes. */
export interface BadServer extends AsyncDisposable {
  readonly url: string;
  /**
   * Open connections with a request. A connection that was opened for the next request is not
   * counted.
   */
  open(): number;
  /** Requests, or what came instead, so far. */
  requests(): number;
}

/** Calls `answer` when the first bytes of a request have arrived. */
export async function badServer(
  answer: (socket: Socket, request: number) => void,
): Promise<BadServer> {
  return listening("http", createServer(), "connection", answer);
}

/** The same behind TLS, where the first bytes are those of the request. */
export async function badTlsServer(
  certificate: Certificate,
  answer: (socket: Socket, request: number) => void,
): Promise<BadServer> {
  return listening("https", createTlsServer(certificate), "secureConnection", answer);
}

/** A port that neither accepts nor refuses connections: the kernel's queue is full. */
export async function voidServer(): Promise<AsyncDisposable & { readonly url: string }> {
  const child = spawn("python3", ["-c", FULL_QUEUE], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  const [port] = await once(child.stdout.setEncoding("utf8"), "data");
  const dispose = async () => {
    child.stdin.end();
    await ended;
  };
  return { url: `http://127.0.0.1:${Number(port)}`, [Symbol.asyncDispose]: dispose };
}

const FULL_QUEUE = `
import socket, sys
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(0)
waiting = [socket.socket() for _ in range(4)]
for one in waiting:
    one.setblocking(False)
    one.connect_ex(server.getsockname())
print(server.getsockname()[1], flush=True)
sys.stdin.read()`;

async function listening(
  scheme: string,
  server: Server,
  event: string,
  answer: (socket: Socket, request: number) => void,
): Promise<BadServer> {
  const sockets = new Set<Socket>();
  const asked = new WeakSet<Socket>();
  let requests = 0;
  server.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.on("data", () => {
      asked.add(socket);
      answer(socket, ++requests);
    });
  });
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    open: () => [...sockets].filter((socket) => asked.has(socket)).length,
    requests: () => requests,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

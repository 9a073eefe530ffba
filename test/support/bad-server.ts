import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";

/** A server that does to each connection what a test wants done, in bytes. */
export interface BadServer extends AsyncDisposable {
  readonly url: string;
  /** Connections that were asked something and are still there. One that was opened for the next request is not counted. */
  open(): number;
  /** Requests, or what came instead, so far. */
  requests(): number;
}

/** Calls `answer` when the first bytes of a request have come. */
export async function badServer(answer: (socket: Socket, request: number) => void): Promise<BadServer> {
  return listening("http", createServer(), "connection", answer);
}

/** The same, behind a certificate that ended in 2020. */
export async function expiredServer(folder: string): Promise<BadServer> {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const span = ["-not_before", "20190101000000Z", "-not_after", "20200101000000Z"];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key];
  makeCertificate([...made, "-out", cert, ...subject], span, { key, cert });
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) });
  return listening("https", server, "secureConnection", () => undefined);
}

/** OpenSSL can date a certificate that it signs itself only since 3.4; before, `openssl x509` with days below zero does. */
function makeCertificate(
  args: readonly string[],
  span: readonly string[],
  { key, cert }: { readonly key: string; readonly cert: string },
): void {
  const openssl = (...command: string[]) => execFileSync("openssl", command, { stdio: "pipe" });
  try {
    openssl("req", ...args, ...span);
  } catch {
    openssl("req", ...args);
    openssl("x509", "-in", cert, "-signkey", key, "-days", "-1", "-out", `${cert}.expired`);
    execFileSync("mv", [`${cert}.expired`, cert]);
  }
}

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

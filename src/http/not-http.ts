import type { Socket } from "node:net";
import type { Access } from "./access.ts";
import type { Connections } from "./connections.ts";
import { plainBody } from "./problem.ts";
import { SECURITY_HEADER_LINES } from "./security-headers.ts";

const REFUSALS: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout"],
  HPE_HEADER_OVERFLOW: [431, "Request Header Fields Too Large"],
};

/** Refuses what Node keeps from the router, and closes its connection. */
export interface Refusing {
  readonly access: Access;
  readonly connections: Connections;
}

/** Answers bytes that are not an HTTP request, or a request that took too long, and closes the connection. */
export function refuseNotHttp(refusing: Refusing, error: Error & { code?: string }, socket: Socket): void {
  const [status, detail] = REFUSALS[error.code ?? ""] ?? [400, "Bad Request"];
  const isEnding = refusing.connections.of(socket)?.isEnding === true;
  if (error.code === "ECONNRESET" || (!isEnding && !socket.writable)) socket.destroy();
  else refuse(refusing, socket, status, detail);
}

/** Answers CONNECT: this is not a proxy. */
export function refuseConnect(refusing: Refusing, socket: Socket): void {
  // Node listens to the socket no more.
  socket.on("error", () => undefined);
  refuse(refusing, socket, 405, "Method Not Allowed");
}

/** The whole requests before are answered first. */
function refuse({ access, connections }: Refusing, socket: Socket, status: number, detail: string): void {
  const connection = connections.of(socket);
  // More of what has been refused already.
  if (connection === undefined || connection.isEnding) return;
  connection.endAfterAnswers((broken) => {
    // A request whose body turned out not to be HTTP has its own log line already.
    if (broken === undefined) access.refused(status);
    else access.brokenOff(broken, status);
    connection.end(answerOf(status, detail));
  });
}

function answerOf(status: number, detail: string): string {
  const body = plainBody({ status, detail });
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n`;
  return `HTTP/1.1 ${status} ${detail}\r\n${head}${SECURITY_HEADER_LINES}\r\n${body}`;
}

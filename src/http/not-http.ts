import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Access } from "./access.ts";
import { plainBody } from "./problem.ts";
import { SECURITY_HEADER_LINES } from "./security-headers.ts";

const REFUSALS: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout"],
  HPE_HEADER_OVERFLOW: [431, "Request Header Fields Too Large"],
};

/** Answers bytes that are no HTTP request, or one that took too long, and closes the connection. */
export function refuseNotHttp(access: Access, error: Error & { code?: string }, socket: Socket): void {
  const [status, detail] = REFUSALS[error.code ?? ""] ?? [400, "Bad Request"];
  const underWay = access.latestOn(socket);
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
  } else if (underWay?.request.raw.complete) {
    // A whole request came before the nonsense: its answer goes first.
    underWay.raw.once("finish", () => refuse());
  } else {
    refuse();
  }

  function refuse(): void {
    // A request whose body turned out to be no HTTP has its own log line already.
    if (underWay === undefined || underWay.raw.writableEnded) access.refused(status);
    else access.brokenOff(underWay, status);
    endWith(socket, status, detail);
  }
}

/** Answers CONNECT, which Node keeps from the router: this is no proxy. */
export function refuseConnect(access: Access, socket: Duplex): void {
  access.refused(405);
  socket.on("error", () => undefined);
  endWith(socket, 405, "Method Not Allowed");
}

function endWith(socket: Duplex, status: number, detail: string): void {
  const body = plainBody({ status, detail });
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n`;
  if (socket.writable) socket.end(`HTTP/1.1 ${status} ${detail}\r\n${head}${SECURITY_HEADER_LINES}\r\n${body}`);
}

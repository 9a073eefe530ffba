import { once } from "node:events";
import { createServer, type Socket } from "node:net";

const SSL_REQUEST = 80_877_103;
const STARTUP_HEADER_BYTES = 8;
const HEADER_BYTES = 5;
const TEXT_OID = 25;

/** The settings of a PostgreSQL 13 server that are read before it is refused. */
const SETTINGS: Readonly<Record<string, string>> = {
  server_version: "13.14 (Debian 13.14-0+deb11u1)",
  server_version_num: "130014",
  server_encoding: "UTF8",
  client_encoding: "UTF8",
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
  transaction_read_only: "off",
};

/**
 * Speaks just enough of the protocol to answer `current_setting(…)`: a server that is too old
 * cannot be installed beside a new one everywhere.
 */
export async function oldPostgres(): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    converse(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  const dispose = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { url: `postgres://lyftr:hidden@127.0.0.1:${port}/lyftr`, [Symbol.asyncDispose]: dispose };
}

function converse(socket: Socket): void {
  let bytes = Buffer.alloc(0);
  let started = false;
  let columns: readonly string[] = [];
  socket
    .on("error", () => undefined)
    .on("data", (more: Buffer) => {
      bytes = Buffer.concat([bytes, more]);
      while (
        !started &&
        bytes.length >= STARTUP_HEADER_BYTES &&
        bytes.length >= bytes.readUInt32BE(0)
      ) {
        const tls = bytes.readUInt32BE(4) === SSL_REQUEST;
        bytes = bytes.subarray(bytes.readUInt32BE(0));
        socket.write(tls ? "N" : greeting());
        started = !tls;
      }
      while (started && bytes.length >= HEADER_BYTES && bytes.length > bytes.readUInt32BE(1)) {
        const end = 1 + bytes.readUInt32BE(1);
        const [type, text] = [
          bytes.toString("latin1", 0, 1),
          bytes.toString("utf8", HEADER_BYTES, end),
        ];
        bytes = bytes.subarray(end);
        if (type === "P" || type === "Q")
          columns = text.split(/\bSELECT\b/)[1]?.split(/,(?![^(]*\))/) ?? [];
        socket.write(answerTo(type, columns));
      }
    });
}

function greeting(): Buffer {
  const parameters = Object.entries(SETTINGS).map(([name, value]) =>
    say("S", `${name}\0${value}\0`),
  );
  return Buffer.concat([say("R", int32(0)), ...parameters, say("Z", "I")]);
}

function answerTo(type: string, columns: readonly string[]): Buffer {
  switch (type) {
    case "Q":
      if (columns.length === 0) return Buffer.concat([say("C", "SET\0"), say("Z", "I")]);
      return Buffer.concat(["D", "E", "S"].map((part) => answerTo(part, columns)));
    case "P":
      return say("1");
    case "B":
      return say("2");
    case "D":
      return say("T", int16(columns.length), ...columns.map((column) => describe(column)));
    case "E": {
      const values = columns.map(
        (column) => SETTINGS[/current_setting\('(\w+)'/.exec(column)?.[1] ?? ""],
      );
      return Buffer.concat([
        say("D", int16(values.length), ...values.map(field)),
        say("C", "SELECT 1\0"),
      ]);
    }
    case "S":
      return say("Z", "I");
    default:
      return Buffer.alloc(0);
  }
}

function describe(column: string): Buffer {
  const name = / AS "?(\w+)"?\s*$/.exec(column.split(/\bFROM\b/)[0] ?? "")?.[1] ?? "?column?";
  return Buffer.concat([
    Buffer.from(`${name}\0`),
    int32(0),
    int16(0),
    int32(TEXT_OID),
    int16(-1),
    int32(-1),
    int16(0),
  ]);
}

function field(value: string | undefined): Buffer {
  return value === undefined
    ? int32(-1)
    : Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value)]);
}

function say(type: string, ...parts: readonly (string | Buffer)[]): Buffer {
  const payload = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  return Buffer.concat([Buffer.from(type), int32(payload.length + 4), payload]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

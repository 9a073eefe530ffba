import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { basename, dirname, join } from "node:path";
import { LyftrError } from "./errors.ts";

/** The longest name of a Unix socket on every system: 104 with its end. */
const SOCKET_PATH_BYTES_MAX = 103;

export interface OutboxLock {
  release(): Promise<void>;
}

/**
 * Makes sure that only one process uses the file at a time. The lock is a socket beside the file on
 * which its holder listens. The kernel releases it however the holder ends. Reused process ids and
 * other containers cannot confuse it. Every process listens first and then looks for others. If two
 * start at the same time, at least one of them sees the other. Both may give up.
 */
export async function lockOutbox(path: string): Promise<OutboxLock> {
  const own = `${path}.${randomBytes(4).toString("hex")}.lock`;
  if (Buffer.byteLength(own) > SOCKET_PATH_BYTES_MAX)
    throw new LyftrError(
      "usage",
      `the path of an outbox has at most ${SOCKET_PATH_BYTES_MAX - 14} bytes: ${path}`,
    );
  const server = await listenOn(own);
  const release = () => new Promise<void>((resolve) => server.close(() => resolve()));
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    const other = join(folder, name);
    if (other === own || !isLockOf(path, name)) continue;
    if (await isHeld(other)) {
      await release();
      throw new LyftrError("outbox", `another process has the outbox ${path} open`, {
        code: "IN_USE",
      });
    }
    await rm(other, { force: true });
  }
  return { release };
}

function isLockOf(path: string, name: string): boolean {
  return (
    name.startsWith(`${basename(path)}.`) &&
    /^\.[0-9a-f]{8}\.lock$/.test(name.slice(basename(path).length))
  );
}

function listenOn(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (cause: NodeJS.ErrnoException) =>
      reject(
        new LyftrError("outbox", `the outbox cannot be locked: ${cause.message}`, {
          code: cause.code,
          cause,
        }),
      ),
    );
    // The lock does not keep a process alive.
    server.listen(path, () => resolve(server)).unref();
  });
}

function isHeld(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Any other error may mean that a process holds the lock.
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== "ECONNREFUSED" && code !== "ENOENT"),
    );
  });
}

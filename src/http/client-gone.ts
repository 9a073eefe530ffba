import type { FastifyReply } from "fastify";

/** A client that closed its half of the connection may still want the answer to what it asked, if that does not take long. */
const HALF_CLOSED_MS_MAX = 1_000;

/**
 * Aborted when nobody waits for the answer any more: the connection is closed, or the client has closed its half of it and a
 * second has gone by, which is all that is seen of most clients that go away.
 */
export function clientGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const { socket } = reply.raw;
  let timer: NodeJS.Timeout | undefined;
  const halfClosed = () => {
    timer = setTimeout(() => gone.abort(), HALF_CLOSED_MS_MAX);
  };
  if (socket?.readableEnded) halfClosed();
  else socket?.once("end", halfClosed);
  // The answer's own event, which comes once an answer; on a connection that is kept, listeners would gather.
  reply.raw.once("close", () => {
    clearTimeout(timer);
    socket?.off("end", halfClosed);
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

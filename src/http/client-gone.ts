import type { FastifyReply } from "fastify";

/** Aborted when the connection closes before the answer is out: then nobody waits for what is being read. */
export function clientGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  // The answer's own event, which comes once an answer. One of the socket would gather listeners on a connection that is kept.
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

import type { FastifyReply, FastifyRequest } from "fastify";
import { Overloaded } from "../domain/errors.ts";
import type { Metrics } from "../observe/metrics.ts";

/** Bodies are held in memory before anything is known of their senders: all of them together stay below this. */
const BODIES_UNDER_WAY_BYTES_MAX = 64 * 1024 * 1024;

/** Bytes of the bodies that are arriving or being stored. */
export class BodyBudget {
  #bytes = 0;
  readonly #bodyBytesMax: number;
  readonly #metrics: Pick<Metrics, "requestsShed">;

  constructor(bodyBytesMax: number, metrics: Pick<Metrics, "requestsShed">) {
    this.#bodyBytesMax = bodyBytesMax;
    this.#metrics = metrics;
  }

  /** Reserves room for the body of a request until its answer is out. Throws `Overloaded` when there is none. */
  reserve(request: FastifyRequest, reply: FastifyReply): void {
    // A chunked body may come to the limit; one declared larger is refused before it is read.
    const declared =
      request.headers["transfer-encoding"] === undefined ? Number(request.headers["content-length"] ?? 0) : Infinity;
    const bytes = Math.min(declared, this.#bodyBytesMax);
    if (this.#bytes + bytes > BODIES_UNDER_WAY_BYTES_MAX) {
      this.#metrics.requestsShed.inc({ reason: "bytes" });
      request.logged = { ...request.logged, shed: "bytes" };
      throw new Overloaded("too many requests are under way");
    }
    this.#bytes += bytes;
    reply.raw.once("close", () => {
      this.#bytes -= bytes;
    });
  }
}

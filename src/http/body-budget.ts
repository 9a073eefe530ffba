import type { FastifyReply, FastifyRequest } from "fastify";
import { Overloaded } from "../domain/errors.ts";
import type { Metrics } from "../observe/metrics.ts";

/** Bodies are held in memory before anything is known of their senders: all of them together stay below this. */
const BODIES_UNDER_WAY_BYTES_MAX = 64 * 1024 * 1024;
/** What is this short counts as soon as it is announced: one on each of 10,000 connections leaves room for others. */
const ANNOUNCED_BYTES_MAX = 4_096;

/**
 * Bytes of the bodies that are arriving or being stored. Long ones, and those without a length, count as they come: else a few hundred clients
 * that announce much and send nothing would keep all others out.
 */
export class BodyBudget {
  #bytes = 0;
  readonly #metrics: Pick<Metrics, "requestsShed">;

  constructor(metrics: Pick<Metrics, "requestsShed">) {
    this.#metrics = metrics;
  }

  /** Counts the body of a request until its answer is out. Throws `Overloaded` when there is no room; if it comes to that later, the body ends with that error. */
  count(request: FastifyRequest, reply: FastifyReply): void {
    const body = request.raw;
    const { headers } = body;
    const announced = headers["transfer-encoding"] === undefined ? Number(headers["content-length"] ?? 0) : Infinity;
    let counted = 0;
    const add = (bytes: number) => {
      this.#requireRoom(request, bytes);
      this.#bytes += bytes;
      counted += bytes;
    };
    if (announced <= ANNOUNCED_BYTES_MAX) add(announced);
    else {
      this.#requireRoom(request, 1);
      const arrived = ({ length }: Buffer) => {
        try {
          add(length);
        } catch (error) {
          body.off("data", arrived);
          reply.header("connection", "close");
          // Nobody listens when the body has been refused already, for its length.
          if (body.listenerCount("error") > 0) body.emit("error", error);
        }
      };
      body.on("data", arrived);
    }
    reply.raw.once("close", () => {
      this.#bytes -= counted;
    });
  }

  #requireRoom(request: FastifyRequest, bytes: number): void {
    if (this.#bytes + bytes <= BODIES_UNDER_WAY_BYTES_MAX) return;
    this.#metrics.requestsShed.inc({ reason: "bytes" });
    request.logged = { ...request.logged, shed: "bytes" };
    throw new Overloaded("too many requests are under way");
  }
}

import type { FastifyReply, FastifyRequest } from "fastify";
import { Overloaded } from "../domain/errors.ts";
import type { Metrics } from "../observe/metrics.ts";
import { clientNetwork } from "./client-address.ts";

const MIB = 1024 * 1024;
/** Bodies are held in memory before anything is known of their senders: all of them together stay below this. */
const BODIES_UNDER_WAY_BYTES_MAX = 64 * MIB;
/** The first bytes of every body. Most webhooks are no longer, and long bodies leave room for those of 6,000 connections. */
const SHORT_BYTES_MAX = 4_096;
/** What is beyond the first bytes, of all bodies and of those of one address. MAX_BODY_BYTES is 16 MiB at most. */
const LONG_BYTES_MAX = 40 * MIB;
const LONG_BYTES_OF_ONE_ADDRESS_MAX = 16 * MIB;

/**
 * Bytes of the bodies that are arriving or being stored. A short body counts as soon as it is announced; long ones, and those without a
 * length, count as they come: else a few hundred clients that announce much and send nothing would keep all others out. What they send
 * beyond the first bytes has a budget of its own, and one address a share of that, so that long bodies keep no short one out.
 */
export class BodyBudget {
  readonly #metrics: Pick<Metrics, "requestsShed">;
  #bytes = 0;
  #longBytes = 0;
  readonly #longBytesByNetwork = new Map<string, number>();

  constructor(metrics: Pick<Metrics, "requestsShed">) {
    this.#metrics = metrics;
  }

  /** Counts the body of a request until its answer is out. Throws `Overloaded` when there is no room; if it comes to that later, the body ends with that error. */
  count(request: FastifyRequest, reply: FastifyReply): void {
    const body = request.raw;
    const { headers } = body;
    const announced = headers["transfer-encoding"] === undefined ? Number(headers["content-length"] ?? 0) : Infinity;
    const network = clientNetwork(request);
    let counted = 0;
    const add = (bytes: number) => {
      this.#take(request, network, counted, bytes);
      counted += bytes;
    };
    if (announced <= SHORT_BYTES_MAX) {
      add(announced);
    } else {
      this.#requireRoom(request, network, 1, Number.isFinite(announced) ? 1 : 0);
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
    reply.raw.once("close", () => this.#giveBack(network, counted));
  }

  /** Takes room for more bytes of a body of which some are counted. */
  #take(request: FastifyRequest, network: string, counted: number, bytes: number): void {
    const long = longPartOf(counted + bytes) - longPartOf(counted);
    this.#requireRoom(request, network, bytes, long);
    this.#bytes += bytes;
    this.#longBytes += long;
    if (long > 0) this.#longBytesByNetwork.set(network, (this.#longBytesByNetwork.get(network) ?? 0) + long);
  }

  #requireRoom(request: FastifyRequest, network: string, bytes: number, long: number): void {
    const ofNetwork = this.#longBytesByNetwork.get(network) ?? 0;
    const hasRoom = this.#bytes + bytes <= BODIES_UNDER_WAY_BYTES_MAX;
    const hasLongRoom = this.#longBytes + long <= LONG_BYTES_MAX && ofNetwork + long <= LONG_BYTES_OF_ONE_ADDRESS_MAX;
    if (hasRoom && (long === 0 || hasLongRoom)) return;
    this.#metrics.requestsShed.inc({ reason: "bytes" });
    request.logged = { ...request.logged, shed: "bytes" };
    throw new Overloaded("too many requests are under way");
  }

  #giveBack(network: string, counted: number): void {
    const long = longPartOf(counted);
    this.#bytes -= counted;
    this.#longBytes -= long;
    if (long === 0) return;
    const ofNetwork = (this.#longBytesByNetwork.get(network) ?? 0) - long;
    if (ofNetwork > 0) this.#longBytesByNetwork.set(network, ofNetwork);
    else this.#longBytesByNetwork.delete(network);
  }
}

function longPartOf(bytes: number): number {
  return Math.max(0, bytes - SHORT_BYTES_MAX);
}

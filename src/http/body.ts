import type { IncomingMessage } from "node:http";
import { Overloaded } from "../domain/errors.ts";
import type { Runtime } from "../runtime.ts";
import { clientNetwork } from "./client-address.ts";
import { BodiesTooLarge } from "./reply.ts";
import type { Request } from "./route.ts";

const MIB = 1024 * 1024;
/**
 * The maximum memory of all bodies together. Bodies are held in memory before their signatures are
 * checked.
 */
const BODIES_UNDER_WAY_BYTES_MAX = 64 * MIB;
/**
 * The first bytes of every body. Most webhooks are no longer. Beside long bodies there is room for
 * the first bytes of 6,000 connections.
 */
const SHORT_BYTES_MAX = 4_096;
/**
 * The maximum beyond the first bytes, for all bodies and for those of one address. MAX_BODY_BYTES
 * is at most 16 MiB.
 */
const LONG_BYTES_MAX = 40 * MIB;
const LONG_BYTES_OF_ONE_ADDRESS_MAX = 16 * MIB;

/**
 * Limits the memory of bodies that are arriving or being stored. A short body counts as soon as its
 * length is announced. Long ones, and those without a length, count as they arrive: otherwise a few
 * hundred clients could announce long bodies, send nothing, and keep all others out. Bytes beyond
 * the first ones have a budget of their own, and each address gets a share of it. Therefore long
 * bodies do not keep short ones out.
 */
export class BodyBudget {
  readonly #metrics: Pick<Runtime["metrics"], "requestsShed">;
  #bytes = 0;
  #longBytes = 0;
  readonly #longBytesByNetwork = new Map<string, number>();

  constructor(metrics: Pick<Runtime["metrics"], "requestsShed">) {
    this.#metrics = metrics;
  }

  /**
   * Counts the body of a request until it is answered. Throws `BodiesTooLarge` when there is no
   * room. If there is no room later, the body ends with that error.
   */
  count(request: Request): void {
    const body = request.raw;
    const announced = announcedBytes(body);
    const network = clientNetwork(request);
    let counted = 0;
    const add = (bytes: number) => {
      this.#take(network, counted, bytes);
      counted += bytes;
    };
    if (announced <= SHORT_BYTES_MAX) {
      add(announced);
    } else {
      this.#requireRoom(network, 1, Number.isFinite(announced) ? 1 : 0, false);
      const arrived = ({ length }: Buffer) => {
        try {
          add(length);
        } catch (error) {
          body.off("data", arrived);
          // Without a listener the error would be unhandled: a body that is too long has already
          // been refused.
          if (body.listenerCount("error") > 0) body.emit("error", error);
        }
      };
      body.on("data", arrived);
    }
    request.whenClosed(() => this.#release(network, counted));
  }

  /** Takes room for more bytes of a body that is partly counted. */
  #take(network: string, counted: number, bytes: number): void {
    const long = longPartOf(counted + bytes) - longPartOf(counted);
    this.#requireRoom(network, bytes, long, long > 0);
    this.#bytes += bytes;
    this.#longBytes += long;
    if (long > 0)
      this.#longBytesByNetwork.set(network, (this.#longBytesByNetwork.get(network) ?? 0) + long);
  }

  #requireRoom(network: string, bytes: number, long: number, arrived: boolean): void {
    const ofNetwork = this.#longBytesByNetwork.get(network) ?? 0;
    const hasRoom = this.#bytes + bytes <= BODIES_UNDER_WAY_BYTES_MAX;
    const hasLongRoom =
      this.#longBytes + long <= LONG_BYTES_MAX && ofNetwork + long <= LONG_BYTES_OF_ONE_ADDRESS_MAX;
    if (hasRoom && (long === 0 || hasLongRoom)) return;
    this.#metrics.requestsShed.inc({ reason: "bytes" });
    throw new BodiesTooLarge(arrived);
  }

  #release(network: string, counted: number): void {
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

/** Why a body could not be read: it is too long, or its connection ended early. */
export type Unread = "too_large" | "broken";

/**
 * Reads the body of a request, of any content type. Rejects when the budget, if any, has no room.
 */
export async function readBody(
  request: Request,
  bytesMax: number,
  budget: BodyBudget | undefined,
): Promise<Buffer | Unread> {
  const { raw } = request;
  const announced = announcedBytes(raw);
  if (announced === 0) return request.body;
  if (announced !== Number.POSITIVE_INFINITY && announced > bytesMax) return "too_large";
  budget?.count(request);
  return collect(raw, bytesMax);
}

function collect(raw: IncomingMessage, bytesMax: number): Promise<Buffer | Unread> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const arrived = (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= bytesMax) return;
      raw.off("data", arrived);
      resolve("too_large");
    };
    raw.on("data", arrived);
    raw.once("end", () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    raw.once("error", (error) => (error instanceof Overloaded ? reject(error) : resolve("broken")));
  });
}

/** The length of a body according to its headers; infinite when they give none. */
function announcedBytes({ headers }: IncomingMessage): number {
  return headers["transfer-encoding"] === undefined
    ? Number(headers["content-length"] ?? 0)
    : Number.POSITIVE_INFINITY;
}

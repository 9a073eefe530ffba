import { equal, throws } from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { Overloaded } from "../../src/domain/errors.ts";
import { BodyBudget } from "../../src/http/body.ts";
import { createMetrics } from "../../src/observe/metrics.ts";

const MIB = 1024 * 1024;

/** A budget, and bodies that are sent to it. */
function budget() {
  const bodies = new BodyBudget(createMetrics({ version: "0", node: "0" }));
  const begin = (ip: string, headers: Readonly<Record<string, string>>) => {
    const raw = Object.assign(new EventEmitter(), { headers });
    const answer = new EventEmitter();
    const whenClosed = (then: () => void) => void answer.once("close", then);
    let error: unknown;
    raw.on("error", (thrown) => (error = thrown));
    bodies.count({ raw, ip, socket: { remoteAddress: ip }, whenClosed } as never);
    return {
      send: (bytes: number) => raw.emit("data", Buffer.alloc(bytes)),
      isRefused: () => error instanceof Overloaded,
      end: () => answer.emit("close"),
    };
  };
  return { begin };
}

test("short bodies have 24 MiB that long ones cannot take, whatever their number and their addresses", () => {
  const { begin } = budget();
  const long = Array.from({ length: 600 }, (_, at) =>
    begin(`192.0.2.${at % 6}`, { "transfer-encoding": "chunked" }),
  );
  for (const body of long) body.send(256 * 1024);
  equal(long.filter((body) => body.isRefused()).length > 400, true);
  const short = Array.from({ length: 5_000 }, () =>
    begin("192.0.2.1", { "content-length": "4096" }),
  );
  equal(short.length, 5_000);
  // One without a length is equal while it is short.
  const chunked = begin("192.0.2.1", { "transfer-encoding": "chunked" });
  chunked.send(4_096);
  equal(chunked.isRefused(), false);
  chunked.send(MIB);
  equal(chunked.isRefused(), true);
});

test("one address has 16 MiB of long bodies, and has them again when its answers are sent", () => {
  const { begin } = budget();
  const hold = () => {
    const body = begin("192.0.2.1", { "content-length": String(MIB) });
    body.send(MIB);
    return body;
  };
  const held = Array.from({ length: 16 }, hold);
  equal(
    held.some((body) => body.isRefused()),
    false,
  );
  equal(hold().isRefused(), true);
  const other = begin("192.0.2.2", { "content-length": String(MIB) });
  other.send(MIB);
  equal(other.isRefused(), false);
  for (const body of held) body.end();
  equal(hold().isRefused(), false);
});

test("all bodies together stay below 64 MiB", () => {
  const { begin } = budget();
  const held = Array.from({ length: (64 * MIB) / 4_096 }, () =>
    begin("192.0.2.1", { "content-length": "4096" }),
  );
  throws(() => begin("192.0.2.2", { "content-length": "1" }), Overloaded);
  held[0]?.end();
  begin("192.0.2.2", { "content-length": "4096" }).end();
});

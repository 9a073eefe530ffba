import { deepEqual, equal } from "node:assert/strict";
import { after, test } from "node:test";
import { macOf, storedTotal } from "../support/client.ts";
import { exchange, RawConnection, rawRequest } from "../support/raw-http.ts";
import { body, startService } from "../support/service.ts";

// Node's parser drops the bytes that arrive behind a request for another protocol.

const service = await startService();
after(() => service[Symbol.asyncDispose]());

const UPGRADE = ["Connection: keep-alive, Upgrade", "Upgrade: h2c"];

function webhook(id: string, headers: readonly string[] = []): Buffer {
  const payload = body({ message_id: id });
  const all = ["Host: x", `X-Signature: ${macOf(payload)}`, `Content-Length: ${payload.length}`];
  return rawRequest("POST /webhook HTTP/1.1", [...all, ...headers], payload);
}

test("a request that asks for another protocol is answered, and the answer says that nothing behind it is", async () => {
  const reads = rawRequest("GET /health/live HTTP/1.1", ["Host: x", ...UPGRADE]);
  for (const [name, first] of [
    ["a message", webhook("upgrades", UPGRADE)],
    ["a read", reads],
  ] as const) {
    const behind = webhook(`behind ${name}`);
    const before = webhook(`before ${name}`);
    const { answers, ending } = await exchange(
      service.port,
      Buffer.concat([before, first, behind]),
    );
    deepEqual(
      answers.map(({ status, headers }) => [status, headers.get("connection")]),
      [
        [200, ["keep-alive"]],
        [200, ["close"]],
      ],
      name,
    );
    equal(ending, "closed");
  }
  // The messages before both, and the one that asked for it.
  equal(await storedTotal(service), 3);
});

test("a message that arrives later behind such a request is not stored, because it gets no answer", async () => {
  const stored = await storedTotal(service);
  await using connection = await RawConnection.open(service.port);
  const payload = body({ message_id: "slow" });
  const headers = [
    "Host: x",
    `X-Signature: ${macOf(payload)}`,
    `Content-Length: ${payload.length}`,
  ];
  const first = rawRequest("POST /webhook HTTP/1.1", [...headers, ...UPGRADE], payload);
  await connection.write(first.subarray(0, -1));
  await connection.write(Buffer.concat([first.subarray(-1), webhook("cut").subarray(0, 20)]));
  await connection.write(webhook("later"));
  equal(await connection.ending(), "closed");
  deepEqual(
    connection
      .answers()
      .map(({ status, headers: answered }) => [status, answered.get("connection")]),
    [[200, ["close"]]],
  );
  equal(await storedTotal(service), stored + 1);
});

test("one of both headers alone asks for nothing, and the connection continues", async () => {
  for (const header of ["Upgrade: h2c", "Connection: upgrade"]) {
    await using connection = await RawConnection.open(service.port);
    const read = rawRequest("GET /health/live HTTP/1.1", ["Host: x", header]);
    await connection.write(Buffer.concat([read, read]));
    const answers = await connection.answered(2);
    deepEqual(
      answers.map(({ status, headers }) => [status, headers.get("connection")]),
      [
        [200, ["keep-alive"]],
        [200, ["keep-alive"]],
      ],
    );
  }
});

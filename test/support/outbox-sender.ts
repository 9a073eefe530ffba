import { setTimeout as delay } from "node:timers/promises";
import { LyftrClient, Outbox } from "../../client/client.ts";

// A sender that may be killed at any moment: appends messages and writes the id of each that is on
// disk to standard output, one per line, or the error. With --drain it ends when the service has
// everything.

const [path = "", url = "", run = "", count = "0", mode = ""] = process.argv.slice(2);
const client = new LyftrClient({ url, secret: "testsecret", deadlineMs: 2_000, attemptMs: 1_000 });
const outbox = await Outbox.open(path, client);
process.stdout.write(`opened ${outbox.pending}\n`);
for (let at = 0; at < Number(count); at++) {
  const id = `${run}-${at}`;
  const message = {
    message_id: id,
    from: "+1",
    to: "+2",
    ts: "2025-01-15T10:00:00Z",
    text: `text of ${id}`,
  };
  await outbox.append(message).then(
    () => process.stdout.write(`${id}\n`),
    (error) => process.stdout.write(`failed ${id} ${error.code}\n`),
  );
  if (at % 16 === 15) await delay(1);
}
if (mode === "drain") await outbox.drained();
if (mode !== "stay") await outbox.close();

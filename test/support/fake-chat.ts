import { once } from "node:events";
import { createServer } from "node:http";

/** A small Slack: accepts `{"text": …}`. */
export interface FakeChat extends AsyncDisposable {
  /** With a secret path. */
  readonly url: string;
  /** The accepted texts. */
  readonly texts: readonly string[];
  /** All requests, including those with another answer. */
  requests(): number;
  /** From now on. The first answer is 200. */
  answer(status: number): void;
}

const BODY_BYTES_MAX = 64 * 1_024;
export const CHAT_PATH = "/services/T0000/B0000/notforanyoneseyes";

export async function fakeChat(): Promise<FakeChat> {
  const texts: string[] = [];
  let status = 200;
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => {
      if (body.length < BODY_BYTES_MAX) body += piece;
    });
    request.on("end", () => {
      if (status === 200) texts.push(String(JSON.parse(body).text));
      // An echo, like a careless server would send: none of it may be in the log.
      response
        .writeHead(status, { location: "http://127.0.0.1:1/" })
        .end(status === 200 ? "ok" : `no ${request.url}`);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  return {
    url: `http://127.0.0.1:${port}${CHAT_PATH}`,
    texts,
    requests: () => requests,
    answer: (next) => {
      status = next;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

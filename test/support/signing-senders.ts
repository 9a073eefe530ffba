import { connect, type Socket } from "node:net";
import { macOf } from "./client.ts";
import { body } from "./service.ts";

/** Requests of one connection, one after the other, at little cost. */
class Sender {
  readonly #socket: Socket;
  #received = "";
  #answered: (status: number) => void = () => undefined;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1").setNoDelay(true).setEncoding("latin1");
    this.#socket.on("data", (text: string) => this.#take(text)).on("error", () => undefined);
    this.#socket.on("close", () => this.#answered(0));
  }

  /** Resolves with the status; 0 for a broken connection. */
  send(payload: string, secret: string): Promise<number> {
    const head = `POST /webhook HTTP/1.1\r\nhost: x\r\nx-signature: ${macOf(payload, secret)}\r\ncontent-length: ${payload.length}\r\n\r\n`;
    return new Promise((resolve) => {
      this.#received = "";
      this.#answered = resolve;
      if (this.#socket.destroyed) resolve(0);
      else this.#socket.write(head + payload);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#received += text;
    const bodyAt = this.#received.indexOf("\r\n\r\n") + 4;
    const [, length] = /\r\ncontent-length: ([0-9]+)\r\n/i.exec(this.#received) ?? [];
    if (length !== undefined && bodyAt > 3 && this.#received.length >= bodyAt + Number(length))
      this.#answered(Number(this.#received.slice(9, 12)));
  }
}

/** Many concurrent senders, each of which changes from one secret to another at its own moment. */
export class SigningSenders {
  readonly statuses = new Map<number, number>();
  readonly #running: readonly Promise<void>[];
  readonly #secrets: string[];
  #sent = 0;
  #next: { readonly secret: string; readonly withinRequests: number } | undefined;
  #stopAt = Number.POSITIVE_INFINITY;

  constructor(
    urls: readonly string[],
    { senders, secret }: { readonly senders: number; readonly secret: string },
  ) {
    const ports = urls.map((url) => Number(new URL(url).port));
    this.#secrets = Array.from({ length: senders }, () => secret);
    this.#running = this.#secrets.map((_, at) => this.#run(at, ports[at % ports.length] ?? 0));
  }

  get sent(): number {
    return this.#sent;
  }

  /** From now on each uses the other secret, after a random number of its requests. */
  switchTo(secret: string, withinRequests: number): void {
    this.#next = { secret, withinRequests };
  }

  stillWith(secret: string): number {
    return this.#secrets.filter((one) => one === secret).length;
  }

  /** Resolves when this many requests have been sent in total, and every one is answered. */
  async stopAfter(requests: number): Promise<void> {
    this.#stopAt = requests;
    await Promise.all(this.#running);
  }

  async #run(at: number, port: number): Promise<void> {
    const sender = new Sender(port);
    let left: number | undefined;
    while (this.#sent < this.#stopAt) {
      const next = this.#next;
      if (next !== undefined && this.#secrets[at] !== next.secret) {
        left ??= Math.floor(Math.random() * next.withinRequests);
        if (left-- <= 0) this.#secrets[at] = next.secret;
      }
      const status = await sender.send(
        body({ message_id: `m${++this.#sent}` }),
        this.#secrets[at] ?? "",
      );
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
      if (status === 0) break;
    }
    sender.close();
  }
}

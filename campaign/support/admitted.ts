import { setTimeout } from "node:timers/promises";

const AFTER_REFUSAL_MS = 50;

/** Sends a request again, for at most `msMax`, while the service refuses it because of overload. */
export async function admitted(send: () => Promise<Response>, msMax: number): Promise<Response> {
  const deadlineMs = performance.now() + msMax;
  for (;;) {
    const answer = await send();
    if (answer.status !== 503 || performance.now() > deadlineMs) return answer;
    await answer.arrayBuffer();
    await setTimeout(AFTER_REFUSAL_MS);
  }
}

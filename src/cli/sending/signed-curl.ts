import { WEBHOOK_PATH } from "../../http/routes/webhook.ts";
import { sign } from "../../providers/signature.ts";

/**
 * A shell command that posts one signed message. A second run of the command shows how a duplicate
 * is answered.
 */
export function signedCurl({
  url,
  secret,
  nowMs,
}: {
  url: string;
  secret: string;
  nowMs: number;
}): string {
  const body = JSON.stringify({
    message_id: `hello-${nowMs}`,
    from: "+919876543210",
    to: "+14155550100",
    ts: new Date(nowMs).toISOString(),
    text: "Hello",
  });
  const lines = [
    `curl -sS ${url}${WEBHOOK_PATH}`,
    "-H 'Content-Type: application/json'",
    `-H 'X-Signature: ${sign(secret, body)}'`,
    `--data-raw '${body}'`,
  ];
  return lines.join(" \\\n  ");
}

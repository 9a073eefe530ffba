import { useState } from "preact/hooks";
import { serviceUrl } from "../api/request.ts";
import { makeTestMessage } from "../api/test-messages.ts";
import { say } from "../state/toast.ts";
import { testMessage as t } from "../text/en/test-message.ts";
import { t as common } from "../text/en.ts";
import { Button } from "./button.tsx";
import { toClipboard } from "./clipboard.ts";
import { failureSentence } from "./trouble.tsx";

/** Lines for a shell that sign and send a message of this moment. */
export function exampleOf(moment: string): string {
  const body = JSON.stringify({
    message_id: "hello-1",
    from: "+919876543210",
    to: "+14155550100",
    ts: moment,
    text: "Hello",
  });
  const sign = `openssl dgst -sha256 -hmac "$WEBHOOK_SECRET" -r | cut -d' ' -f1`;
  return [
    `body='${body}'`,
    `signature=$(printf %s "$body" | ${sign})`,
    `curl -sS ${webhookUrl("webhook")} -H "X-Signature: $signature" --data-raw "$body"`,
  ].join("\n");
}

/** The address of a route of the service, for other programs. */
export function webhookUrl(path: string): string {
  return new URL(serviceUrl(path), location.href).href;
}

interface TestMessageProps {
  /** Whether to send one is what the page is for. */
  readonly isMain?: boolean;
  readonly onSent: () => void;
}

/** Sends a test message, or copies a command that does. */
export function TestMessage({ isMain = false, onSent }: TestMessageProps) {
  const [isBusy, setBusy] = useState(false);
  const make = async (send: boolean) => {
    setBusy(true);
    const outcome = await makeTestMessage({ send });
    setBusy(false);
    if (outcome.kind === "unchanged") return;
    if (outcome.kind !== "ok") return say(failureSentence(outcome));
    if (send) {
      say(t.sent);
      onSent();
      return;
    }
    const { path, headers, body } = outcome.value.request;
    const fields = Object.entries(headers).map(
      ([name, value]) => `-H ${quoted(`${name}: ${value}`)}`,
    );
    const url = webhookUrl(path.replace(/^\//, ""));
    await toClipboard(`curl -sS ${url} ${fields.join(" ")} --data-raw ${quoted(body)}`);
    say(common.copied);
  };
  return (
    <div class="button-row">
      <Button
        kind={isMain ? "main" : "plain"}
        icon="send"
        busy={isBusy}
        onClick={() => void make(true)}
      >
        {t.send}
      </Button>
      <Button icon="copy" busy={isBusy} onClick={() => void make(false)}>
        {t.copySigned}
      </Button>
    </div>
  );
}

/** A text as one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

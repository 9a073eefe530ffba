import type { Stats } from "../api/stats.ts";
import { addressOf } from "../route.ts";
import { number } from "../text/format.ts";

/** The senders with the most messages, each with a bar. A row leads to the conversation. */
export function SenderBars({ senders }: { readonly senders: Stats["messages_per_sender"] }) {
  const most = Math.max(1, ...senders.map(({ count }) => count));
  return (
    <ol class="top-senders">
      {senders.map(({ from, count }) => (
        <li key={from}>
          <a class="top-sender" href={addressOf({ page: "conversation", number: from })}>
            <bdi class="top-sender-number">{from}</bdi>
            <span class="top-sender-track">
              <span class="top-sender-bar" style={{ width: `${(100 * count) / most}%` }} />
            </span>
            <span class="top-sender-count">{number(count)}</span>
          </a>
        </li>
      ))}
    </ol>
  );
}

import { effect, signal } from "@preact/signals";
import { countMessages } from "../api/messages.ts";
import { lastVisit } from "../prefs.ts";
import { route, titleMark } from "../state/navigation.ts";
import { overview } from "../state/overview.ts";
import { mayRead } from "../state/session.ts";

// How many messages came since the reader last looked at the Inbox, and the mark of the title.

/** The number at Inbox in the rail. It is 0 while the Inbox is shown. */
export const newInInbox = signal(0);

let countedAt: string | null = null;

effect(() => {
  const last = overview.value?.value?.last_received_at ?? null;
  const since = lastVisit.value.value;
  if (route.value.page === "inbox") {
    newInInbox.value = 0;
    countedAt = last;
    return;
  }
  if (!mayRead.value || since === "" || last === null || last === countedAt) return;
  countedAt = last;
  void countMessages({ since }).then((outcome) => {
    if (outcome.kind === "ok" && route.peek().page !== "inbox") newInInbox.value = outcome.value;
  });
});

effect(() => {
  const isFiring = (overview.value?.value?.alerts.length ?? 0) > 0;
  const count = newInInbox.value > 0 ? `(${newInInbox.value}) ` : "";
  titleMark.value = `${isFiring ? "▲ " : ""}${count}`;
});

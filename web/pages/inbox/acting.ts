import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Message } from "../../api/messages.ts";
import type { Row } from "../../live/list.ts";
import { toClipboard } from "../../parts/clipboard.ts";
import { lastVisit } from "../../prefs.ts";
import type { MessageList } from "../../state/message-list.ts";
import { useShortcuts } from "../../state/shortcuts.ts";
import { say } from "../../state/toast.ts";
import { inbox as t } from "../../text/en/inbox.ts";
import { toUtcText } from "../../text/zones.ts";

/** The visit before this one. This one is noted when the reader leaves. */
export function useLastVisit(): string {
  const [before] = useState(() => lastVisit.value.peek());
  useEffect(() => {
    const note = () => lastVisit.set(toUtcText(Date.now()));
    const onHidden = () => document.visibilityState === "hidden" && note();
    document.addEventListener("visibilitychange", onHidden);
    note();
    return () => {
      document.removeEventListener("visibilitychange", onHidden);
      note();
    };
  }, []);
  return before;
}

interface Acting {
  readonly inbox: MessageList;
  readonly rows: readonly Row<Message>[];
  readonly active: string | undefined;
  readonly openKey: string | undefined;
  readonly show: (row: Row<Message> | undefined, replace: boolean) => void;
  readonly close: () => void;
}

export function useInboxShortcuts(acting: Acting): void {
  const latest = useRef(acting);
  latest.current = acting;
  const shortcuts = useMemo(() => {
    const now = () => latest.current;
    const move = (by: number) => {
      const { rows, active, openKey, show } = now();
      const at = rows.findIndex((row) => row.key === (active ?? openKey));
      const next = rows[at === -1 ? 0 : at + by];
      focusRow(next?.key);
      if (openKey !== undefined) show(next, true);
    };
    const open = () => {
      const { rows, active, show } = now();
      show(rows.find((row) => row.key === active) ?? rows[0], false);
    };
    const copyId = () => {
      const { rows, openKey, active } = now();
      const key = openKey ?? active;
      const id = key?.slice(key.indexOf("/") + 1) ?? rows[0]?.message.message_id;
      if (id !== undefined) void toClipboard(id).then((isDone) => isDone && say(t.idCopied));
    };
    return {
      j: () => move(1),
      k: () => move(-1),
      o: open,
      c: copyId,
      p: () => now().inbox.setLive(!now().inbox.isLive.peek()),
      ".": () => toNewest(now().inbox),
      Escape: () => now().openKey !== undefined && now().close(),
    };
  }, []);
  useShortcuts(shortcuts);
}

export function toNewest(inbox: MessageList): void {
  inbox.toTop();
  document.querySelector(".list-scroll")?.scrollTo({ top: 0 });
  requestAnimationFrame(() => document.querySelector<HTMLElement>(".row")?.focus());
}

/**
 * Focuses a row, at once if it is drawn: a key that is pressed within the same frame must find it.
 */
export function focusRow(key: string | undefined): void {
  if (key === undefined) return;
  const focus = () => {
    const row = document.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
    row?.focus();
    return row !== null;
  };
  if (!focus()) requestAnimationFrame(focus);
}

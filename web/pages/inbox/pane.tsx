import { useEffect, useRef } from "preact/hooks";
import { type Message, messagePath, readMessage, refOf } from "../../api/messages.ts";
import { serviceUrl } from "../../api/request.ts";
import { keyOf } from "../../live/list.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { Copy } from "../../parts/copy.tsx";
import { MessageText } from "../../parts/message-text.tsx";
import { Empty, Skeleton } from "../../parts/notes.tsx";
import { TroubleLine } from "../../parts/trouble.tsx";
import {
  addressOf,
  DEFAULT_SOURCE,
  type Filter,
  inboxRoute,
  type MessageRef,
  type Route,
} from "../../route.ts";
import { useResource } from "../../state/resource.ts";
import { needsKey } from "../../state/session.ts";
import { inbox as t } from "../../text/en/inbox.ts";
import { duration, fill, moments } from "../../text/format.ts";
import { instantOfText } from "../../text/moments.ts";
import { toUtcText } from "../../text/zones.ts";

const SKELETON_ROWS = 5;
/** The pane lies over the list below this width, and takes the focus. */
const OVER_LIST = "(max-width: 1199px)";

interface PaneProps {
  readonly open: MessageRef;
  /** The message, if the list has it. */
  readonly listed: Message | undefined;
  readonly filter: Filter;
  readonly onNewer: (() => void) | undefined;
  readonly onOlder: (() => void) | undefined;
  readonly onClose: () => void;
}

/** The open message. */
export function Pane({ open, listed, filter, onNewer, onOlder, onClose }: PaneProps) {
  const key = keyOf(open.source, open.id);
  const asked = useResource(listed === undefined ? key : undefined, (signal) =>
    readMessage(open, signal),
  );
  const message = listed ?? asked.value;
  const heading = useRef<HTMLHeadingElement>(null);
  const isThere = message !== undefined;
  useEffect(() => {
    if (isThere && matchMedia(OVER_LIST).matches) heading.current?.focus();
  }, [key, isThere]);
  return (
    <aside class="pane" aria-label={t.message}>
      <header class="pane-head">
        <h2 ref={heading} tabIndex={-1} class="pane-from">
          <bdi>{message?.from ?? ""}</bdi>
          {message === undefined ? null : <Copy text={message.from} label={t.copyNumber} />}
        </h2>
        <div class="pane-buttons">
          <Button
            kind="quiet"
            icon="up"
            label={t.previous}
            disabled={onNewer === undefined}
            onClick={() => onNewer?.()}
          />
          <Button
            kind="quiet"
            icon="down"
            label={t.next}
            disabled={onOlder === undefined}
            onClick={() => onOlder?.()}
          />
          <Button kind="quiet" icon="close" label={t.closePane} onClick={onClose} />
        </div>
      </header>
      <TroubleLine {...asked} />
      {message !== undefined ? (
        <Body message={message} filter={filter} isListed={listed !== undefined} />
      ) : asked.failure?.kind === "not_found" ? (
        <Empty title={t.notHere}>
          <p>{t.notHereWhy}</p>
        </Empty>
      ) : (
        <Skeleton rows={SKELETON_ROWS} />
      )}
    </aside>
  );
}

interface BodyProps {
  readonly message: Message;
  readonly filter: Filter;
  readonly isListed: boolean;
}

function Body({ message, filter, isListed }: BodyProps) {
  const ref = refOf(message);
  // A link to a message is for others: it has nothing of what this reader searched for.
  const here: Route = { ...inboxRoute(), open: ref };
  return (
    <div class="pane-body">
      <p class="soft">
        <bdi>
          {fill(t.toNumberOf, { number: message.to, source: message.source ?? DEFAULT_SOURCE })}
        </bdi>
      </p>
      <MessageText text={message.text} q={filter.q ?? ""} />
      <div class="button-row">
        <LinkButton icon="chat" href={addressOf({ page: "conversation", number: message.from })}>
          {t.conversation}
        </LinkButton>
        <Copy text={() => curlOf(ref)} words={t.copyCurl} said={curlNote()} />
        <LinkButton icon="external" href={serviceUrl(messagePath(ref))} newTab>
          {t.rawJson}
        </LinkButton>
        <Copy text={() => new URL(addressOf(here), location.href).href} words={t.copyLink} />
        {isListed ? null : <ShowInList message={message} filter={filter} />}
      </div>
      <Facts message={message} />
    </div>
  );
}

/** For a message that was opened by its link alone: the list up to it. */
function ShowInList({ message, filter }: { readonly message: Message; readonly filter: Filter }) {
  const at = instantOfText(message.ts);
  if (at === undefined) return null;
  const { since: _, ...rest } = filter;
  const to = { ...inboxRoute({ ...rest, until: toUtcText(at + 1) }), open: refOf(message) };
  return <LinkButton href={addressOf(to)}>{t.showInList}</LinkButton>;
}

function Facts({ message }: { readonly message: Message }) {
  const format = moments();
  const sent = instantOfText(message.ts);
  const received = instantOfText(message.created_at);
  const ref = refOf(message);
  return (
    <dl class="facts">
      <dt>{t.sent}</dt>
      <dd>{sent === undefined ? message.ts : format.whole(sent)}</dd>
      <dt>{t.received}</dt>
      <dd>{received === undefined ? message.created_at : receivedText(sent, received)}</dd>
      <dt>{t.asSent}</dt>
      <dd>
        <bdi>{message.ts}</bdi>
      </dd>
      <dt>{t.id}</dt>
      <dd class="fact-id">
        <bdi class="mono">{ref.id}</bdi>
        <Copy text={ref.id} label={t.copyId} />
      </dd>
    </dl>
  );
}

function receivedText(sent: number | undefined, received: number): string {
  const format = moments();
  const isSameDay = sent !== undefined && format.dayKey(sent) === format.dayKey(received);
  const moment = isSameDay ? format.timeWithSeconds(received) : format.whole(received);
  if (sent === undefined) return moment;
  const sentence = received < sent ? t.receivedEarlier : t.receivedLater;
  return fill(sentence, { moment, duration: duration(received - sent) });
}

/** What to set before the command runs. */
function curlNote(): string | undefined {
  return needsKey.value ? t.curlCopied : undefined;
}

/** The GET of a message, with a variable in the place of the key, if reading needs one. */
function curlOf(ref: MessageRef): string {
  const url = new URL(serviceUrl(messagePath(ref)), location.href).href;
  const command = `curl -sS '${url.replaceAll("'", "%27")}'`;
  return needsKey.value ? `${command} -H "Authorization: Bearer $LYFTR_KEY"` : command;
}

import { useState } from "preact/hooks";
import { readMessages } from "../../api/messages.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { chipText, partsOf } from "../../parts/chips.ts";
import { Code } from "../../parts/code.tsx";
import { Empty } from "../../parts/notes.tsx";
import { exampleOf, TestMessage } from "../../parts/test-message.tsx";
import { addressOf, type Filter, inboxRoute, without } from "../../route.ts";
import { go } from "../../state/navigation.ts";
import { overview } from "../../state/overview.ts";
import { useResource } from "../../state/resource.ts";
import { mayAdminister } from "../../state/session.ts";
import { inbox as t } from "../../text/en/inbox.ts";
import { counted, fill, moments } from "../../text/format.ts";
import { instantOfText } from "../../text/moments.ts";
import { toUtcText } from "../../text/zones.ts";

const DAY_MS = 24 * 60 * 60_000;
const WEEK_MS = 7 * DAY_MS;

/** Takes the variables of `lyftr init` into a shell. */
const SET_SECRET = ". ./.env";

/** Nothing ever came: how to send a first message. */
export function NothingYet({ onSent }: { readonly onSent: () => void }) {
  const [moment] = useState(() => toUtcText(Math.floor(Date.now() / 1_000) * 1_000));
  const example = exampleOf(moment);
  return (
    <Empty title={t.nothingYet}>
      <p>{t.nothingYetWhy}</p>
      {mayAdminister.value ? <TestMessage isMain onSent={onSent} /> : null}
      <div class="example">
        <h3>{t.sendOne}</h3>
        <p>{t.setSecret}</p>
        <Code text={SET_SECRET} />
        <p>{t.thenSend}</p>
        <Code text={example} />
      </div>
      <RefusedHint />
    </Empty>
  );
}

/** Requests that were refused may be the messages that are missed. */
function RefusedHint() {
  const results = overview.value?.value?.results ?? {};
  const refused = (results.invalid_signature ?? 0) + (results.validation_error ?? 0);
  if (refused === 0) return null;
  return (
    <p>
      {counted(t.refusedSome, refused)} <a href={addressOf({ page: "rejected" })}>{t.seeWhy}</a>
    </p>
  );
}

/** No message matches: what can be taken off, and the nearest time that has any. */
export function NothingFound({ filter }: { readonly filter: Filter }) {
  const parts = partsOf(filter);
  const { since, until, ...rest } = filter;
  const isOfTime = since !== undefined || until !== undefined;
  const newest = useResource(isOfTime ? JSON.stringify(rest) : undefined, (signal) =>
    readMessages({ filter: rest, limit: 1, count: "none" }, { signal }),
  );
  const at = instantOfText(newest.value?.data[0]?.ts ?? "");
  return (
    <Empty
      title={t.nothingFound}
      actions={<LinkButton href={addressOf(inboxRoute())}>{t.showAll}</LinkButton>}
    >
      {filter.q === undefined ? null : (
        <p>
          <bdi>{fill(t.nothingFoundText, { q: filter.q })}</bdi>
        </p>
      )}
      {parts.length < 2 ? null : (
        <div class="button-row">
          <span class="soft">{t.takeOffOne}</span>
          {parts.map(([name, value]) => (
            <Button key={name} icon="close" onClick={() => go(inboxRoute(without(filter, name)))}>
              <bdi>{chipText(name, value)}</bdi>
            </Button>
          ))}
        </div>
      )}
      {at === undefined ? null : (
        <p>
          {fill(t.newestOther, { moment: moments().brief(at, Date.now()) })}{" "}
          <a href={addressOf(inboxRoute(rest))}>{t.showIt}</a>
        </p>
      )}
    </Empty>
  );
}

/** The service refuses a search that would read too many messages. */
export function TooBroad({ filter, why }: { readonly filter: Filter; readonly why: string }) {
  const within = (ms: number) =>
    addressOf(inboxRoute({ ...without(filter, "until"), since: toUtcText(Date.now() - ms) }));
  return (
    <Empty
      title={t.tooBroad}
      actions={
        <>
          <LinkButton kind="main" href={within(DAY_MS)}>
            {t.lastDay}
          </LinkButton>
          <LinkButton href={within(WEEK_MS)}>{t.lastWeek}</LinkButton>
        </>
      }
    >
      <p>{why}</p>
    </Empty>
  );
}

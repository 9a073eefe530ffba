import { useMemo, useState } from "preact/hooks";
import { serviceUrl } from "../api/request.ts";
import { PAGES } from "../pages.ts";
import { Button } from "../parts/button.tsx";
import { Icon, type IconName } from "../parts/icon.tsx";
import { addressOf, inboxRoute, type PageName, type Route } from "../route.ts";
import { go, route } from "../state/navigation.ts";
import { overview } from "../state/overview.ts";
import { search } from "../state/search-focus.ts";
import { isSignedIn, mayAdminister, session } from "../state/session.ts";
import { useShortcuts } from "../state/shortcuts.ts";
import { frame } from "../text/en/frame.ts";
import { t } from "../text/en.ts";
import { fill, moments, zone } from "../text/format.ts";
import { zoneName } from "../text/zones.ts";
import { DisplayDialog, SignOutDialog } from "./dialogs.ts";
import { newInInbox } from "./news.ts";

interface Item {
  readonly page: PageName & IconName;
  readonly text: string;
  readonly to: Route;
}

const READING: readonly Item[] = [
  { page: "overview", text: frame.overview, to: { page: "overview" } },
  { page: "inbox", text: frame.inbox, to: inboxRoute() },
  { page: "senders", text: frame.senders, to: { page: "senders", tab: "busiest", prefix: "" } },
  { page: "rejected", text: frame.rejected, to: { page: "rejected" } },
];

const SET_UP: readonly Item[] = [
  { page: "sources", text: frame.sources, to: { page: "sources" } },
  { page: "keys", text: frame.keys, to: { page: "keys" } },
  { page: "exports", text: frame.exports, to: { page: "exports", filter: {} } },
  { page: "audit", text: frame.audit, to: { page: "audit" } },
  { page: "health", text: frame.health, to: { page: "health", search: "" } },
];

/** The pages of the bar that phones have at the bottom, beside More. */
const IN_BAR: readonly PageName[] = ["overview", "inbox", "senders"];

export function Rail() {
  const [isOpen, setOpen] = useState(false);
  useGoShortcuts();
  const close = () => setOpen(false);
  return (
    <nav class={`rail${isOpen ? " open" : ""}`} aria-label={frame.pages}>
      <p class="brand">
        <a href={addressOf({ page: "overview" })}>{t.name}</a>
      </p>
      <ul class="rail-list reading">
        {READING.filter(isShown).map((item) => (
          <RailItem key={item.page} item={item} onGo={close} />
        ))}
        <li class="rail-more">
          <Button kind="quiet" icon="more" expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {frame.more}
          </Button>
        </li>
      </ul>
      <div class="rail-rest">
        <ul class="rail-list only-phone">
          {READING.filter((item) => isShown(item) && !IN_BAR.includes(item.page)).map((item) => (
            <RailItem key={item.page} item={item} onGo={close} />
          ))}
        </ul>
        {SET_UP.some(isShown) ? <h2 class="rail-heading">{frame.setUp}</h2> : null}
        <ul class="rail-list">
          {SET_UP.filter(isShown).map((item) => (
            <RailItem key={item.page} item={item} onGo={close} />
          ))}
        </ul>
        <RailFoot />
      </div>
    </nav>
  );
}

function RailItem({ item, onGo }: { readonly item: Item; readonly onGo: () => void }) {
  const current = route.value.page === "conversation" ? "inbox" : route.value.page;
  const count = item.page === "inbox" ? newInInbox.value : 0;
  const isInBar = IN_BAR.includes(item.page);
  return (
    <li class={isInBar ? "in-bar" : "not-in-bar"}>
      <a
        class="rail-item"
        href={addressOf(item.to)}
        aria-current={current === item.page ? "page" : undefined}
        onClick={onGo}
      >
        <Icon name={item.page} />
        <span class="rail-text">{item.text}</span>
        {count > 0 ? <NewCount count={count} /> : null}
      </a>
    </li>
  );
}

const COUNT_MAX = 99;

function NewCount({ count }: { readonly count: number }) {
  const shown = count > COUNT_MAX ? frame.manyNew : String(count);
  return (
    <span class="rail-count">
      {shown}
      <span class="visually-hidden">{` ${frame.newMessages.other.replace("{n}", "")}`}</span>
    </span>
  );
}

function isShown({ page }: Item): boolean {
  const entry = PAGES[page];
  return entry !== undefined && (entry.access !== "admin" || mayAdminister.value);
}

function RailFoot() {
  const [isDisplayOpen, setDisplayOpen] = useState(false);
  const [isLeaving, setLeaving] = useState(false);
  const { name, scope } = session.value ?? {};
  const version = overview.value?.value?.version;
  const hours = moments().is12 ? frame.clock12 : frame.clock24;
  const scopeText = scope === "admin" ? frame.scopeAdmin : frame.scopeRead;
  return (
    <div class="rail-foot">
      <button type="button" class="foot-item display" onClick={() => setDisplayOpen(true)}>
        <Icon name="display" />
        {frame.display}
        <span class="foot-note">
          {fill(frame.zoneAndClock, { zone: zoneName(zone()), clock: hours })}
        </span>
      </button>
      {isSignedIn.value ? (
        <div class="foot-line">
          <span class="foot-text">
            {fill(frame.signedInAs, { name: name ?? "", scope: scopeText })}
          </span>
          <Button
            kind="quiet"
            icon="signOut"
            label={frame.signOut}
            onClick={() => setLeaving(true)}
          />
        </div>
      ) : (
        <a class="foot-item" href={addressOf({ page: "sign-in" })}>
          {frame.signIn}
        </a>
      )}
      <a class="foot-item" href={serviceUrl("docs")} target="_blank" rel="noopener noreferrer">
        {frame.apiDocs}
      </a>
      {version === undefined ? null : (
        <span class="foot-text soft">{fill(frame.version, { version })}</span>
      )}
      {isDisplayOpen ? <DisplayDialog onClose={() => setDisplayOpen(false)} /> : null}
      {isLeaving ? <SignOutDialog onClose={() => setLeaving(false)} /> : null}
    </div>
  );
}

function useGoShortcuts(): void {
  const shortcuts = useMemo(
    () => ({
      "/": search,
      "g o": () => go({ page: "overview" }),
      "g i": () => go(inboxRoute()),
      "g s": () => go({ page: "senders", tab: "busiest", prefix: "" }),
      "g h": () => go({ page: "health", search: "" }),
    }),
    [],
  );
  useShortcuts(shortcuts);
}

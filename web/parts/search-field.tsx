import { useEffect, useRef, useState } from "preact/hooks";
import { type Proposal, proposalsFor } from "../live/proposals.ts";
import { checkFilter, isUnfinished, SEARCH_CODE_POINTS_MAX, takeChips } from "../live/search.ts";
import { type Filter, type Route, without } from "../route.ts";
import { go } from "../state/navigation.ts";
import { SEARCH_FIELD } from "../state/search-focus.ts";
import { inbox as t } from "../text/en/inbox.ts";
import { fill, zone } from "../text/format.ts";
import { Button } from "./button.tsx";
import { type Chip, chipsOf, problemText } from "./chips.ts";
import { Icon } from "./icon.tsx";
import { Sign } from "./notes.tsx";
import { optionId, PROPOSALS, Proposals } from "./proposals.tsx";

const ASK_AFTER_MS = 200;
/** After this rest the next change is a new entry of the history. */
const REST_MS = 1_000;
/** A field takes UTF-16 units, of which a character has at most two. */
const UNITS_MAX = SEARCH_CODE_POINTS_MAX * 2;

const SEARCH_KEY = "/";

interface SearchFieldProps {
  readonly filter: Filter;
  /** The page that shows the list of another filter. */
  readonly routeOf: (filter: Filter) => Route;
}

/** The one field: chips for what narrows the list, and the words that are searched for. */
export function SearchField({ filter, routeOf }: SearchFieldProps) {
  const { text, change, enter, set } = useTyping(filter, routeOf);
  const [problem] = Object.values(checkFilter(filter).problems);
  const chips = chipsOf(filter);
  const proposals = useProposals(text, filter, (proposal) => {
    if (proposal.kind === "name") change(proposal.text);
    else if (proposal.name !== "q") enter(proposal.text);
    document.getElementById(SEARCH_FIELD)?.focus();
  });
  const onKey = (event: KeyboardEvent & { readonly currentTarget: HTMLInputElement }) => {
    if (proposals.onKey(event)) return;
    if (event.key === "Enter") enter(event.currentTarget.value);
    if (event.key === "Escape") leave(event.currentTarget);
    const last = chips.at(-1);
    if (event.key === "Backspace" && text === "" && last !== undefined)
      set(last.names.reduce(without, filter));
  };
  return (
    <div class="search">
      <div class="search-field">
        <Icon name="search" />
        <div class="search-parts">
          {chips.map((chip) => (
            <ChipButton
              key={chip.names[0]}
              chip={chip}
              onTakeOff={() => set(chip.names.reduce(without, filter))}
            />
          ))}
          <input
            id={SEARCH_FIELD}
            type="search"
            // biome-ignore lint/a11y/noRedundantRoles: without a `list` it is only a searchbox
            role="combobox"
            list={undefined}
            aria-label={t.search}
            aria-autocomplete="list"
            aria-expanded={proposals.isOpen}
            aria-controls={proposals.isOpen ? PROPOSALS : undefined}
            aria-activedescendant={proposals.at === undefined ? undefined : optionId(proposals.at)}
            placeholder={chips.length === 0 ? t.searchHint : t.search}
            autocomplete="off"
            spellcheck={false}
            maxLength={UNITS_MAX}
            value={text}
            onInput={(event) => change(event.currentTarget.value)}
            onFocus={() => proposals.setFocus(true)}
            onBlur={() => proposals.setFocus(false)}
            onKeyDown={onKey}
          />
        </div>
        {text === "" && chips.length === 0 ? (
          <span class="search-key" aria-hidden="true">
            {SEARCH_KEY}
          </span>
        ) : (
          <Button kind="quiet" icon="close" label={t.clear} onClick={() => set({})} />
        )}
      </div>
      {proposals.isOpen ? (
        <Proposals list={proposals.list} at={proposals.at} onPick={proposals.pick} />
      ) : null}
      <p class="field-error" role="status">
        {problem === undefined ? "" : problemText(problem)}
      </p>
    </div>
  );
}

interface ChipButtonProps {
  readonly chip: Chip;
  readonly onTakeOff: () => void;
}

function ChipButton({ chip: { words, problem }, onTakeOff }: ChipButtonProps) {
  return (
    <button
      type="button"
      class={problem === undefined ? "chip" : "chip bad"}
      title={problem === undefined ? undefined : problemText(problem)}
      aria-label={fill(t.takeOff, { chip: words })}
      onClick={onTakeOff}
    >
      {problem === undefined ? null : <Sign mood="bad" />}
      <bdi>{words}</bdi>
      <Icon name="close" />
    </button>
  );
}

/** What is proposed for a text, and the one that the arrow keys have reached. */
function useProposals(text: string, filter: Filter, onPick: (proposal: Proposal) => void) {
  const [hasFocus, setFocus] = useState(false);
  const [reached, setReached] = useState<{ readonly text: string; readonly at: number }>();
  // A text that the reader has decided on.
  const [decided, setDecided] = useState<string>();
  const isAsked = hasFocus && text !== decided;
  const list = isAsked ? proposalsFor(text, filter, { now: Date.now(), zone: zone() }) : [];
  const at = reached?.text === text && reached.at < list.length ? reached.at : undefined;
  const pick = (proposal: Proposal) => {
    setDecided(proposal.kind === "number" ? proposal.text : undefined);
    setReached(undefined);
    onPick(proposal);
  };
  /** Returns whether the key was one for the proposals. */
  const onKey = (event: KeyboardEvent): boolean => {
    const chosen = at === undefined ? undefined : list[at];
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined && list.length > 0) {
      const from = at ?? (by > 0 ? -1 : list.length);
      setReached({ text, at: (from + by + list.length) % list.length });
    } else if (event.key === "Enter" && chosen !== undefined) pick(chosen);
    else return false;
    event.preventDefault();
    return true;
  };
  return { list, at, isOpen: list.length > 0, setFocus, pick, onKey };
}

/** Escape leaves the field for the list. */
function leave(field: HTMLInputElement): void {
  field.blur();
  document.querySelector<HTMLElement>(".row[tabindex='0']")?.focus();
}

/** What is typed, and when it becomes the address. */
function useTyping(filter: Filter, routeOf: SearchFieldProps["routeOf"]) {
  const [text, setText] = useState(filter.q ?? "");
  const sent = useRef(filter.q ?? "");
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const changedAt = useRef(Number.NEGATIVE_INFINITY);
  // What the address has, or will have when the timer ends: a key may come before it does.
  const latest = useRef(filter);
  const seen = useRef(filter);
  if (seen.current !== filter && timer.current === undefined) latest.current = filter;
  seen.current = filter;
  // The address changed otherwise than by typing: back, a link, a chip.
  useEffect(() => {
    if ((filter.q ?? "") === sent.current) return;
    sent.current = filter.q ?? "";
    setText(sent.current);
  }, [filter.q]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const show = (next: Filter) => {
    const isResting = performance.now() - changedAt.current > REST_MS;
    changedAt.current = performance.now();
    sent.current = next.q ?? "";
    timer.current = undefined;
    latest.current = next;
    go(routeOf(next), { replace: !isResting });
  };
  const take = (typed: string, isEntered: boolean, afterMs: number) => {
    const { chips, rest } = takeChips(typed, { now: Date.now(), zone: zone() }, isEntered);
    setText(rest);
    const words = isUnfinished(rest) ? "" : rest.trim();
    const base = { ...without(latest.current, "q"), ...chips };
    const next = words === "" ? base : { ...base, q: words };
    const isChip = Object.keys(chips).length > 0;
    if (!isChip && words === (latest.current.q ?? "")) return;
    clearTimeout(timer.current);
    latest.current = next;
    timer.current = setTimeout(() => show(next), isChip ? 0 : afterMs);
  };
  const set = (next: Filter) => {
    clearTimeout(timer.current);
    setText(next.q ?? "");
    changedAt.current = Number.NEGATIVE_INFINITY;
    show(next);
    document.getElementById(SEARCH_FIELD)?.focus();
  };
  return {
    text,
    change: (typed: string) => take(typed, false, ASK_AFTER_MS),
    enter: (typed: string) => take(typed, true, 0),
    set,
  };
}

import type { Proposal } from "../live/proposals.ts";
import { inbox as t } from "../text/en/inbox.ts";
import { fill, moments } from "../text/format.ts";

export const PROPOSALS = "search-proposals";

export function optionId(at: number): string {
  return `${PROPOSALS}-${at}`;
}

interface ProposalsProps {
  readonly list: readonly Proposal[];
  /** The one that the arrow keys have reached. */
  readonly at: number | undefined;
  readonly onPick: (proposal: Proposal) => void;
}

/** What the search field proposes, below it. The focus stays in the field. */
export function Proposals({ list, at, onPick }: ProposalsProps) {
  return (
    <div id={PROPOSALS} class="proposals" role="listbox" aria-label={t.proposals}>
      {list.map((proposal, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys
        <div
          key={proposal.name + proposal.label}
          id={optionId(index)}
          class="proposal"
          role="option"
          tabIndex={-1}
          aria-selected={index === at}
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onPick(proposal)}
        >
          <bdi>{wordsOf(proposal)}</bdi>
          <span class="soft">{aboutOf(proposal)}</span>
        </div>
      ))}
    </div>
  );
}

function wordsOf({ kind, name, label }: Proposal): string {
  if (kind !== "number") return label;
  if (name === "q") return fill(t.textNumber, { text: label });
  return fill(name === "from" ? t.fromNumber : t.toNumber, { number: label });
}

function aboutOf({ kind, name, at }: Proposal): string {
  if (kind === "name" && name !== "q") return t.about[name];
  if (at === undefined) return "";
  const now = Date.now();
  return name === "on" ? moments().date(at, now) : moments().brief(at, now);
}

import "./audit.css";
import { type AuditEntry, auditPath, readAudit } from "../../api/audit.ts";
import { serviceUrl } from "../../api/request.ts";
import { isMoment } from "../../live/search.ts";
import { Answer } from "../../parts/answer.tsx";
import { LinkButton } from "../../parts/button.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Empty } from "../../parts/notes.tsx";
import { PageHead } from "../../parts/page.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { addressOf, type RouteOf } from "../../route.ts";
import { serviceNow } from "../../state/clock.ts";
import { ONCE, useResource } from "../../state/resource.ts";
import { audit as t } from "../../text/en/audit.ts";
import { moments } from "../../text/format.ts";
import { actorOf, detailsOf, sentenceOf } from "./sentences.ts";

/** Older pages do not change. */
const NEWEST_EVERY_MS = 10_000;
const SKELETON_ROWS = 10;

export function Page({ route: { before } }: { readonly route: RouteOf<"audit"> }) {
  const isWrong = before !== undefined && !isPlace(before);
  const page = useResource(
    isWrong ? undefined : `audit ${before ?? ""}`,
    (signal, etag) => readAudit(before, signal, etag),
    before === undefined ? NEWEST_EVERY_MS : ONCE,
  );
  const next = page.value?.next_before ?? undefined;
  return (
    <>
      <PageHead title={t.title}>
        <LinkButton kind="quiet" icon="external" href={serviceUrl(auditPath(before))} newTab>
          {t.raw}
        </LinkButton>
      </PageHead>
      <p class="lead">{t.intro}</p>
      {isWrong ? (
        <Empty title={t.noMoment}>
          <p>{t.noMomentWhy}</p>
        </Empty>
      ) : (
        <Answer of={page} rows={SKELETON_ROWS}>
          {({ data }) => <Entries data={data} isOlder={before !== undefined} />}
        </Answer>
      )}
      {before === undefined && next === undefined ? null : (
        <nav class="pages" aria-label={t.title}>
          {before === undefined ? null : (
            <LinkButton href={addressOf({ page: "audit" })}>{t.newest}</LinkButton>
          )}
          {next === undefined ? null : (
            <LinkButton href={addressOf({ page: "audit", before: next })}>{t.older}</LinkButton>
          )}
        </nav>
      )}
    </>
  );
}

/** A date, a moment, or an entry: its moment and its id. */
function isPlace(before: string): boolean {
  const [at = ""] = before.split(",");
  return isMoment(/^\d{4}-\d{2}-\d{2}$/.test(at) ? `${at}T00:00:00Z` : at);
}

interface EntriesProps {
  readonly data: readonly AuditEntry[];
  readonly isOlder: boolean;
}

function Entries({ data, isOlder }: EntriesProps) {
  if (data.length === 0) return <Nothing isOlder={isOlder} />;
  return (
    <Table
      caption={t.caption}
      rows={data}
      keyOf={({ id, at }) => `${at} ${id}`}
      columns={COLUMNS}
      isStacked
    />
  );
}

function Nothing({ isOlder }: { readonly isOlder: boolean }) {
  if (isOlder) return <Empty title={t.nothingOlder} />;
  return (
    <Empty title={t.nothing}>
      <p>{t.nothingWhy}</p>
    </Empty>
  );
}

const COLUMNS: readonly Column<AuditEntry>[] = [
  { title: t.when, cell: ({ at }) => <Moment at={Date.parse(at)} /> },
  { title: t.actor, cell: (entry) => <bdi>{actorOf(entry)}</bdi> },
  { title: t.what, cell: (entry) => <bdi>{sentenceOf(entry)}</bdi> },
  {
    title: t.details,
    cell: (entry) => {
      const details = detailsOf(entry, (at) => moments().brief(at, serviceNow()));
      return details.length === 0 ? null : <span class="soft">{details.join(" · ")}</span>;
    },
  },
];

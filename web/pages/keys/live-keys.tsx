import type { ApiKey } from "../../api/keys.ts";
import { Button } from "../../parts/button.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Tag } from "../../parts/notes.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { serviceNow } from "../../state/clock.ts";
import { session } from "../../state/session.ts";
import { keys as t } from "../../text/en/keys.ts";
import { fill, fromNow } from "../../text/format.ts";
import { endOf, endsSoon, mayRotate, wasUsedNow } from "./key-lists.ts";

interface LiveKeysProps {
  readonly live: readonly ApiKey[];
  readonly onRotate: (key: ApiKey) => void;
  readonly onRevoke: (key: ApiKey) => void;
}

/** The keys that are accepted. */
export function LiveKeys({ live, onRotate, onRevoke }: LiveKeysProps) {
  const buttons = (key: ApiKey) => (
    <>
      {mayRotate(key, live) ? (
        <Button
          kind="quiet"
          label={fill(t.rotateLabel, { name: key.name })}
          onClick={() => onRotate(key)}
        >
          {t.rotate}
        </Button>
      ) : null}
      <Button
        kind="quiet"
        label={fill(t.revokeLabel, { name: key.name })}
        onClick={() => onRevoke(key)}
      >
        {t.revoke}
      </Button>
    </>
  );
  return (
    <Table
      caption={t.caption}
      rows={live}
      keyOf={({ id }) => id}
      isStacked
      columns={[...COLUMNS, { title: t.actions, cell: buttons, isActions: true }]}
    />
  );
}

const COLUMNS: readonly Column<ApiKey>[] = [
  { title: t.name, cell: (key) => <Name of={key} /> },
  {
    title: t.may,
    cell: ({ scope }) => (scope === "admin" ? <Tag mood="good">{t.admin}</Tag> : t.read),
  },
  { title: t.hint, cell: ({ hint }) => <code>{`${hint}…`}</code> },
  {
    title: t.made,
    cell: ({ created_at }) => <Moment at={Date.parse(created_at)} show="date" />,
  },
  { title: t.used, cell: (key) => <Used of={key} /> },
  { title: t.ends, cell: (key) => <Ends of={key} /> },
];

function Name({ of }: { readonly of: ApiKey }) {
  return (
    <span class="key-name">
      <bdi>{of.name}</bdi> {session.value?.name === of.name ? <Tag mood="good">{t.you}</Tag> : null}
    </span>
  );
}

function Used({ of }: { readonly of: ApiKey }) {
  if (of.last_used_at === null) return <span class="soft">{t.never}</span>;
  if (wasUsedNow(of, serviceNow())) return <>{t.usedNow}</>;
  return <Moment at={Date.parse(of.last_used_at)} show="ago" />;
}

function Ends({ of }: { readonly of: ApiKey }) {
  const end = endOf(of);
  if (end.kind === "never") return <span class="soft">{t.never}</span>;
  const when = fromNow(end.at, serviceNow());
  const text = end.kind === "replaced" ? fill(t.replaced, { when }) : when;
  if (endsSoon(of, serviceNow())) return <Tag mood="warn">{text}</Tag>;
  return <>{text}</>;
}

import "./keys.css";
import { useState } from "preact/hooks";
import { type ApiKey, readKeys } from "../../api/keys.ts";
import { Answer } from "../../parts/answer.tsx";
import { Button } from "../../parts/button.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Empty } from "../../parts/notes.tsx";
import { PageHead } from "../../parts/page.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { serviceNow } from "../../state/clock.ts";
import { useResource } from "../../state/resource.ts";
import { session } from "../../state/session.ts";
import { keys as t } from "../../text/en/keys.ts";
import { counted, fill } from "../../text/format.ts";
import { ADMIN_KEY_NAME, endOf, keyLists } from "./key-lists.ts";
import { LiveKeys } from "./live-keys.tsx";
import { NewKeyDialog } from "./new-key.tsx";
import { RevokeDialog } from "./revoke.tsx";
import { RotateDialog } from "./rotate.tsx";

const EVERY_MS = 15_000;
const SKELETON_ROWS = 4;

type Open =
  | { readonly kind: "new" }
  | { readonly kind: "rotate" | "revoke"; readonly key: ApiKey }
  | undefined;

export function Page() {
  const list = useResource("keys", readKeys, EVERY_MS);
  const [open, setOpen] = useState<Open>(undefined);
  // The row of a revoked key goes at once, not with the next answer.
  const [revoked, setRevoked] = useState<readonly string[]>([]);
  const close = () => setOpen(undefined);
  const change = () => list.reload();
  return (
    <>
      <PageHead title={t.title}>
        <Button kind="main" onClick={() => setOpen({ kind: "new" })}>
          {t.newKey}
        </Button>
      </PageHead>
      <p class="lead">{t.intro}</p>
      {session.value?.name === ADMIN_KEY_NAME ? <p class="lead soft">{t.ofEnvironment}</p> : null}
      <Answer of={list} rows={SKELETON_ROWS}>
        {({ data }) => (
          <Lists
            all={data.filter(({ id, revoked_at }) => revoked_at !== null || !revoked.includes(id))}
            onRotate={(key) => setOpen({ kind: "rotate", key })}
            onRevoke={(key) => setOpen({ kind: "revoke", key })}
          />
        )}
      </Answer>
      {open?.kind === "new" ? <NewKeyDialog onMade={change} onClose={close} /> : null}
      {open?.kind === "rotate" ? (
        <RotateDialog old={open.key} onMade={change} onClose={close} />
      ) : null}
      {open?.kind === "revoke" ? (
        <RevokeDialog
          of={open.key}
          onRevoked={(id) => {
            setRevoked([...revoked, id]);
            close();
            change();
          }}
          onClose={close}
        />
      ) : null}
    </>
  );
}

interface ListsProps {
  readonly all: readonly ApiKey[];
  readonly onRotate: (key: ApiKey) => void;
  readonly onRevoke: (key: ApiKey) => void;
}

function Lists({ all, onRotate, onRevoke }: ListsProps) {
  const { live, ended } = keyLists(all, serviceNow());
  return (
    <>
      {live.length > 0 ? (
        <LiveKeys live={live} onRotate={onRotate} onRevoke={onRevoke} />
      ) : (
        <Empty title={ended.length > 0 ? t.nothing : t.nothingYet}>
          <p>{t.nothingWhy}</p>
        </Empty>
      )}
      {ended.length > 0 ? (
        <details class="ended">
          <summary>{counted(t.ended, ended.length)}</summary>
          <Table
            caption={t.captionEnded}
            rows={ended}
            keyOf={({ id }) => id}
            columns={ENDED}
            isStacked
          />
        </details>
      ) : null}
    </>
  );
}

const ENDED: readonly Column<ApiKey>[] = [
  { title: t.name, cell: ({ name }) => <span class="key-name">{name}</span> },
  { title: t.may, cell: ({ scope }) => t[scope] },
  { title: t.hint, cell: ({ hint }) => <code>{`${hint}…`}</code> },
  {
    title: t.made,
    cell: ({ created_at }) => <Moment at={Date.parse(created_at)} show="date" />,
  },
  { title: t.ends, cell: (key) => <EndedAt of={key} /> },
];

function EndedAt({ of }: { readonly of: ApiKey }) {
  const end = endOf(of);
  if (end.kind === "never") return null;
  const words = { revoked: t.revokedAt, expires: t.expiredAt, replaced: t.replacedAt }[end.kind];
  const [before = "", after = ""] = words.split("{when}");
  return (
    <>
      {fill(before, {})}
      <Moment at={end.at} />
      {after}
    </>
  );
}

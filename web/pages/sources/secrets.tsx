import type { SecretList, WebhookSecret } from "../../api/secrets.ts";
import { Button } from "../../parts/button.tsx";
import { Moment } from "../../parts/moment.tsx";
import { type Mood, Tag } from "../../parts/notes.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { serviceNow } from "../../state/clock.ts";
import { sources as t } from "../../text/en/sources.ts";
import { counted, fill, fromNow, moments } from "../../text/format.ts";
import { isAccepted, isInDatabase, reasonOf } from "./rotation.ts";

interface SecretsProps {
  readonly list: SecretList;
  readonly onRetire: (secret: WebhookSecret) => void;
}

/** The webhook secrets, and below them those that have ended. */
export function Secrets({ list: { data, processes }, onRetire }: SecretsProps) {
  const ended = data.filter((secret) => !isAccepted(secret));
  const name: Column<WebhookSecret> = {
    title: t.name,
    cell: (secret) => (
      <span class="secret-name">
        <bdi>{secret.name}</bdi>
        {processes > 1 && secret.accepted_by < processes ? (
          <Tag mood="warn">{fill(t.acceptedBy, { n: secret.accepted_by, all: processes })}</Tag>
        ) : null}
      </span>
    ),
  };
  const buttons = (secret: WebhookSecret) =>
    isInDatabase(secret) && secret.ends === null ? (
      <Button
        kind="quiet"
        label={fill(t.retireLabel, { name: secret.name })}
        onClick={() => onRetire(secret)}
      >
        {t.retire}
      </Button>
    ) : null;
  return (
    <>
      <Table
        caption={t.caption}
        rows={data.filter(isAccepted)}
        keyOf={({ name, from }) => `${name} ${from}`}
        isStacked
        columns={[name, ...COLUMNS, { title: t.actions, cell: buttons, isActions: true }]}
      />
      {ended.length === 0 ? null : (
        <details class="ended">
          <summary>{counted(t.ended, ended.length)}</summary>
          <Table
            caption={t.captionEnded}
            rows={ended}
            keyOf={(secret) => secret.name}
            isStacked
            columns={[
              { title: t.name, cell: (secret) => <bdi>{secret.name}</bdi> },
              ...COLUMNS.slice(0, 3),
            ]}
          />
        </details>
      )}
    </>
  );
}

const COLUMNS: readonly Column<WebhookSecret>[] = [
  {
    title: t.from,
    cell: (secret) => (isInDatabase(secret) ? t.database : <code>{secret.from}</code>),
  },
  {
    title: t.verified,
    cell: ({ last_verified_at: at }) =>
      at === null ? <span class="soft">{t.never}</span> : <Moment at={Date.parse(at)} show="ago" />,
  },
  {
    title: t.ends,
    cell: ({ ends }) =>
      ends === null ? (
        <span class="soft">{t.noEnd}</span>
      ) : (
        <span title={moments().whole(Date.parse(ends))}>
          {fromNow(Date.parse(ends), serviceNow())}
        </span>
      ),
  },
  { title: t.mayRetire, cell: (secret) => <MayRetire of={secret} /> },
];

const MOODS: Readonly<Record<WebhookSecret["may_be_retired"], Mood>> = {
  yes: "good",
  no: "plain",
  "not yet": "plain",
  ended: "plain",
  unknown: "warn",
};

function MayRetire({ of }: { readonly of: WebhookSecret }) {
  const reason = reasonOf(of, (at) => moments().brief(at, serviceNow()));
  return (
    <span class="may-retire">
      <Tag mood={MOODS[of.may_be_retired]}>{t.answer[of.may_be_retired]}</Tag>{" "}
      <bdi class="soft">{reason}</bdi>
    </span>
  );
}

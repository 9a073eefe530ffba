import { useState } from "preact/hooks";
import { readSettings, type Setting } from "../../api/settings.ts";
import { Field } from "../../parts/field.tsx";
import { Skeleton, Tag } from "../../parts/notes.tsx";
import { Table } from "../../parts/table.tsx";
import { FailureNote, TroubleLine } from "../../parts/trouble.tsx";
import { go } from "../../state/navigation.ts";
import { useResource } from "../../state/resource.ts";
import { health as t } from "../../text/en/health.ts";
import { counted, fill } from "../../text/format.ts";
import { matching, sorted } from "./settings.ts";

const SKELETON_ROWS = 8;
const SEARCH_CHARACTERS_MAX = 100;

/** The settings of the service, for administrators. What differs from its default is first. */
export function Settings({ search }: { readonly search: string }) {
  const [typed, setTyped] = useState(search);
  const resource = useResource("settings", readSettings);
  const all = resource.value;
  const type = (value: string) => {
    setTyped(value);
    go({ page: "health", search: value }, { replace: true });
  };
  return (
    <section class="panel health-settings">
      <header class="panel-head">
        <h2>{t.settings}</h2>
      </header>
      <TroubleLine {...resource} />
      {resource.failure === undefined ? null : <FailureNote failure={resource.failure} />}
      {all === undefined ? (
        resource.failure === undefined && <Skeleton rows={SKELETON_ROWS} />
      ) : (
        <>
          <Field
            label={t.settingsSearch}
            type="search"
            value={typed}
            maxLength={SEARCH_CHARACTERS_MAX}
            onInput={type}
          />
          <Found all={all} search={typed} />
        </>
      )}
    </section>
  );
}

function Found({ all, search }: { readonly all: readonly Setting[]; readonly search: string }) {
  const found = sorted(matching(all, search));
  const changed = all.filter(({ from }) => from !== "default").length;
  return (
    <>
      <p class="soft" role="status">
        {search.trim() === ""
          ? fill(t.settingsCount, { changed, all: all.length })
          : counted(t.settingsFound, found.length)}
      </p>
      {found.length === 0 ? null : (
        <Table
          caption={t.settings}
          rows={found}
          keyOf={({ name }) => name}
          columns={[
            { title: t.settingName, cell: ({ name }) => <code>{name}</code> },
            { title: t.settingValue, cell: ({ value }) => <Value value={value} /> },
            {
              title: t.settingFrom,
              cell: ({ from }) => (
                <Tag mood={from === "default" ? "plain" : "good"}>{t.from[from]}</Tag>
              ),
            },
          ]}
        />
      )}
    </>
  );
}

function Value({ value }: Pick<Setting, "value">) {
  if (value === null) return <span class="soft">{t.notSet}</span>;
  return <code>{value}</code>;
}

import { useState } from "preact/hooks";
import { Button, type ButtonKind } from "../../parts/button.tsx";
import { Copy } from "../../parts/copy.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Choice, Field } from "../../parts/field.tsx";
import { Banner, Empty, Pill, Skeleton, Tag } from "../../parts/notes.tsx";
import { PageHead } from "../../parts/page.tsx";
import { Table } from "../../parts/table.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { say } from "../../state/toast.ts";
import { parts as p } from "../../text/en/parts.ts";

const KINDS: readonly ButtonKind[] = ["main", "plain", "danger", "quiet"];

/** For developers: every part with its states. */
export function Page() {
  const [text, setText] = useState("");
  const [tab, setTab] = useState<"one" | "two">("one");
  const [isOpen, setOpen] = useState(false);
  return (
    <div class="stack">
      <PageHead title={p.title}>
        <Button icon="send" onClick={() => say(p.said, () => say(p.undone))}>
          {p.toast}
        </Button>
      </PageHead>
      {KINDS.map((kind) => (
        <div key={kind} class="button-row">
          <Button kind={kind}>{kind}</Button>
          <Button kind={kind} icon="send">
            {p.icon}
          </Button>
          <Button kind={kind} disabled>
            {p.disabled}
          </Button>
          <Button kind={kind} busy>
            {p.busy}
          </Button>
          <Button kind={kind} icon="close" label={p.icon} />
        </div>
      ))}
      <Field label={p.field} value={text} onInput={setText} hint={p.hint} />
      <Field label={p.field} value={text} onInput={setText} error={p.error} mono />
      <Choice
        label={p.choice}
        value={tab}
        options={[
          { value: "one", text: p.one },
          { value: "two", text: p.two },
        ]}
        onChange={setTab}
      />
      <Tabs
        label={p.tabs}
        value={tab}
        tabs={[
          { value: "one", text: p.one },
          { value: "two", text: p.two },
        ]}
        onChange={setTab}
      />
      <div class="button-row">
        <Tag>{p.tag}</Tag>
        <Tag mood="warn">{p.tag}</Tag>
        <Tag mood="bad">{p.tag}</Tag>
        <Copy text={p.code} words={p.copy} />
        <Button onClick={() => setOpen(true)}>{p.dialog}</Button>
      </div>
      <Banner mood="warn">{p.banner}</Banner>
      <Banner mood="bad">{p.banner}</Banner>
      <Pill onClick={() => undefined}>{p.pill}</Pill>
      <Table
        caption={p.table}
        rows={[1, 2, 3]}
        keyOf={String}
        columns={[
          { title: p.one, cell: (n) => `${p.one} ${n}` },
          { title: p.two, cell: (n) => n * 1_000, isNumber: true },
        ]}
      />
      <Skeleton rows={3} />
      <Empty title={p.empty} actions={<Button kind="main">{p.dialog}</Button>}>
        <p>{p.hint}</p>
      </Empty>
      {isOpen ? (
        <Dialog title={p.dialog} onClose={() => setOpen(false)}>
          <p>{p.hint}</p>
        </Dialog>
      ) : null}
    </div>
  );
}

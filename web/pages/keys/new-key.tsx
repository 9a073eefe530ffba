import { useState } from "preact/hooks";
import { createKey, type IssuedKey, type Scope } from "../../api/keys.ts";
import { serviceUrl } from "../../api/request.ts";
import { Button } from "../../parts/button.tsx";
import { Code } from "../../parts/code.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Choice, Field } from "../../parts/field.tsx";
import { Once } from "../../parts/once.tsx";
import { Options } from "../../parts/options.tsx";
import { failureSentence } from "../../parts/trouble.tsx";
import { keys as t } from "../../text/en/keys.ts";
import { t as shared } from "../../text/en.ts";
import { fill } from "../../text/format.ts";
import { isName, tryLines } from "./key-lists.ts";

const NAME_CHARACTERS_MAX = 64;
type Life = "1d" | "30d" | "90d" | "365d" | "never";
const LIVES: readonly { readonly value: Life; readonly text: string }[] = [
  { value: "1d", text: t.life1 },
  { value: "30d", text: t.life30 },
  { value: "90d", text: t.life90 },
  { value: "365d", text: t.life365 },
  { value: "never", text: t.lifeNever },
];

interface NewKeyDialogProps {
  readonly onMade: () => void;
  readonly onClose: () => void;
}

export function NewKeyDialog({ onMade, onClose }: NewKeyDialogProps) {
  const [made, setMade] = useState<IssuedKey | undefined>(undefined);
  if (made !== undefined)
    return (
      <IssuedDialog issued={made} title={fill(t.madeTitle, { name: made.name })} onKept={onClose} />
    );
  return (
    <Form
      onMade={(issued) => {
        setMade(issued);
        onMade();
      }}
      onClose={onClose}
    />
  );
}

interface FormProps {
  readonly onMade: (issued: IssuedKey) => void;
  readonly onClose: () => void;
}

function Form({ onMade, onClose }: FormProps) {
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Scope>("read");
  const [life, setLife] = useState<Life>("90d");
  const [error, setError] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const send = async () => {
    if (!isName(name)) return setError(name === "" ? t.nameMissing : t.nameWrong);
    setBusy(true);
    const outcome = await createKey({ name, scope, expires_in: life === "never" ? null : life });
    setBusy(false);
    if (outcome.kind === "ok") onMade(outcome.value);
    else if (outcome.kind !== "unchanged") setError(failureSentence(outcome));
  };
  return (
    <Dialog
      title={t.newTitle}
      onClose={onClose}
      onSubmit={() => void send()}
      actions={
        <>
          <Button onClick={onClose}>{shared.cancel}</Button>
          <Button kind="main" type="submit" busy={isBusy}>
            {t.make}
          </Button>
        </>
      }
    >
      <Field
        label={t.name}
        value={name}
        hint={t.nameHint}
        error={error}
        maxLength={NAME_CHARACTERS_MAX}
        onInput={(text) => {
          setName(text);
          setError(undefined);
        }}
      />
      <Options
        label={t.scope}
        value={scope}
        options={[
          { value: "read", text: t.scopeRead, hint: t.scopeReadHint },
          { value: "admin", text: t.scopeAdmin, hint: t.scopeAdminHint },
        ]}
        onChange={setScope}
      />
      <Choice label={t.life} value={life} options={LIVES} onChange={setLife} />
    </Dialog>
  );
}

interface IssuedDialogProps {
  readonly issued: IssuedKey;
  readonly title: string;
  /** About the key that this one replaces. */
  readonly note?: string;
  readonly onKept: () => void;
}

/** A new key, once. */
export function IssuedDialog({ issued, title, note, onKept }: IssuedDialogProps) {
  const service = new URL(serviceUrl(""), location.href);
  service.hash = "";
  return (
    <Once title={title} text={issued.key} copyLabel={t.copyKey} onKept={onKept}>
      {note === undefined ? null : <p>{note}</p>}
      <p class="soft">{t.tryIt}</p>
      <Code text={tryLines(service.href, issued.key)} label={t.copyTry} />
    </Once>
  );
}

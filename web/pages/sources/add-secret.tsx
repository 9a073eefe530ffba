import { useState } from "preact/hooks";
import { type AddedSecret, addSecret, type WebhookSecret } from "../../api/secrets.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Field } from "../../parts/field.tsx";
import { Sign } from "../../parts/notes.tsx";
import { Once } from "../../parts/once.tsx";
import { Options } from "../../parts/options.tsx";
import { failureSentence } from "../../parts/trouble.tsx";
import { sources as t } from "../../text/en/sources.ts";
import { t as shared } from "../../text/en.ts";
import { fill } from "../../text/format.ts";
import { isSecretName, suggestedName } from "./rotation.ts";

const NAME_CHARACTERS_MAX = 32;
const SECRET_CHARACTERS_MAX = 4_096;

interface AddSecretDialogProps {
  readonly others: readonly WebhookSecret[];
  readonly onAdded: () => void;
  readonly onClose: () => void;
}

export function AddSecretDialog({ others, onAdded, onClose }: AddSecretDialogProps) {
  const [added, setAdded] = useState<AddedSecret | undefined>(undefined);
  if (added !== undefined) return <Added added={added} onClose={onClose} />;
  const take = (value: AddedSecret) => {
    setAdded(value);
    onAdded();
  };
  return <Form others={others} onAdded={take} onClose={onClose} />;
}

interface FormProps {
  readonly others: readonly WebhookSecret[];
  readonly onAdded: (added: AddedSecret) => void;
  readonly onClose: () => void;
}

function Form({ others, onAdded, onClose }: FormProps) {
  const [name, setName] = useState(() => suggestedName(others, Date.now()));
  const [how, setHow] = useState<"make" | "paste">("make");
  const [secret, setSecret] = useState("");
  const [nameError, setNameError] = useState<string | undefined>(undefined);
  const [error, setError] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const send = async () => {
    if (!isSecretName(name)) return setNameError(name === "" ? t.nameMissing : t.nameWrong);
    if (how === "paste" && secret.trim() === "") return setError(t.pastedMissing);
    setBusy(true);
    const outcome = await addSecret({ name, secret: how === "paste" ? secret : null });
    setBusy(false);
    if (outcome.kind === "ok") return onAdded(outcome.value);
    if (outcome.kind === "unchanged") return;
    (how === "paste" ? setError : setNameError)(failureSentence(outcome));
  };
  return (
    <Dialog
      title={t.addTitle}
      onClose={onClose}
      onSubmit={() => void send()}
      actions={
        <>
          <Button onClick={onClose}>{shared.cancel}</Button>
          <Button kind="main" type="submit" busy={isBusy}>
            {t.addIt}
          </Button>
        </>
      }
    >
      <Field
        label={t.name}
        value={name}
        hint={t.nameHint}
        error={nameError}
        maxLength={NAME_CHARACTERS_MAX}
        onInput={(text) => {
          setName(text);
          setNameError(undefined);
        }}
      />
      <Options
        label={t.how}
        value={how}
        options={[
          { value: "make", text: t.make, hint: t.makeHint },
          { value: "paste", text: t.paste, hint: t.pasteHint },
        ]}
        onChange={setHow}
      />
      {how === "paste" ? (
        <PastedSecret
          value={secret}
          error={error}
          onInput={(text) => {
            setSecret(text);
            setError(undefined);
          }}
        />
      ) : null}
    </Dialog>
  );
}

interface PastedSecretProps {
  readonly value: string;
  readonly error: string | undefined;
  readonly onInput: (text: string) => void;
}

function PastedSecret({ value, error, onInput }: PastedSecretProps) {
  const [isShown, setShown] = useState(false);
  return (
    <Field
      label={t.pasted}
      type={isShown ? "text" : "password"}
      autoComplete="off"
      mono
      value={value}
      error={error}
      maxLength={SECRET_CHARACTERS_MAX}
      onInput={onInput}
      after={
        <Button kind="quiet" pressed={isShown} onClick={() => setShown(!isShown)}>
          {isShown ? t.hide : t.show}
        </Button>
      }
    />
  );
}

interface AddedProps {
  readonly added: AddedSecret;
  readonly onClose: () => void;
}

function Added({ added: { name, secret, warnings }, onClose }: AddedProps) {
  const notes = (
    <>
      {warnings.map((warning) => (
        <p key={warning} class="note warn">
          <Sign mood="warn" />
          {warning}
        </p>
      ))}
      <p>{t.next}</p>
    </>
  );
  const title = fill(t.addedTitle, { name });
  if (secret !== null)
    return (
      <Once title={title} text={secret} copyLabel={t.copySecret} onKept={onClose}>
        {notes}
      </Once>
    );
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <Button kind="main" onClick={onClose}>
          {t.done}
        </Button>
      }
    >
      {notes}
    </Dialog>
  );
}

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Outcome } from "../api/request.ts";
import { t } from "../text/en.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { Field } from "./field.tsx";
import { Sign } from "./notes.tsx";
import { failureSentence } from "./trouble.tsx";

interface ConfirmProps<T> {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly warning?: string | undefined;
  /** What the reader must type: the name of what goes, so that it is not the wrong one. */
  readonly typed: string | undefined;
  readonly typeLabel: string;
  readonly actionText: string;
  readonly act: () => Promise<Outcome<T>>;
  readonly onDone: (value: T) => void;
  readonly onClose: () => void;
}

/** Asks before something that cannot be undone. */
export function Confirm<T>(props: ConfirmProps<T>) {
  const { title, children, warning, typed, typeLabel, actionText, onClose } = props;
  const [text, setText] = useState("");
  const [error, setError] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const isSure = typed === undefined || text.trim() === typed;
  const send = async () => {
    if (!isSure || isBusy) return;
    setBusy(true);
    const outcome = await props.act();
    setBusy(false);
    if (outcome.kind === "ok") props.onDone(outcome.value);
    else if (outcome.kind !== "unchanged") setError(failureSentence(outcome));
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      onSubmit={() => void send()}
      actions={
        <>
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button kind="danger" type="submit" disabled={!isSure} busy={isBusy}>
            {actionText}
          </Button>
        </>
      }
    >
      {children}
      {warning === undefined ? null : (
        <p class="note warn">
          <Sign mood="warn" />
          {warning}
        </p>
      )}
      {typed === undefined ? (
        <p class="field-error" role="alert">
          {error}
        </p>
      ) : (
        <Field label={typeLabel} value={text} onInput={setText} error={error} />
      )}
    </Dialog>
  );
}

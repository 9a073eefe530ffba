import { useState } from "preact/hooks";
import { type ApiKey, type RotatedKey, rotateKey } from "../../api/keys.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Choice } from "../../parts/field.tsx";
import { Sign } from "../../parts/notes.tsx";
import { failureSentence } from "../../parts/trouble.tsx";
import { serviceNow } from "../../state/clock.ts";
import { session } from "../../state/session.ts";
import { keys as t } from "../../text/en/keys.ts";
import { t as shared } from "../../text/en.ts";
import { fill, moments } from "../../text/format.ts";
import { IssuedDialog } from "./new-key.tsx";

type Overlap = "0" | "1h" | "24h" | "7d" | "30d";
const OVERLAPS: readonly { readonly value: Overlap; readonly text: string }[] = [
  { value: "0", text: t.overlapNow },
  { value: "1h", text: t.overlapHour },
  { value: "24h", text: t.overlapDay },
  { value: "7d", text: t.overlapWeek },
  { value: "30d", text: t.overlapMonth },
];

interface RotateDialogProps {
  readonly old: ApiKey;
  readonly onMade: () => void;
  readonly onClose: () => void;
}

export function RotateDialog({ old, onMade, onClose }: RotateDialogProps) {
  const [made, setMade] = useState<RotatedKey | undefined>(undefined);
  if (made !== undefined)
    return (
      <IssuedDialog
        issued={made}
        title={fill(t.rotatedTitle, { name: made.name })}
        note={aboutOld(made.replaces)}
        onKept={onClose}
      />
    );
  return (
    <Form
      old={old}
      onMade={(issued) => {
        setMade(issued);
        onMade();
      }}
      onClose={onClose}
    />
  );
}

interface FormProps {
  readonly old: ApiKey;
  readonly onMade: (made: RotatedKey) => void;
  readonly onClose: () => void;
}

function Form({ old, onMade, onClose }: FormProps) {
  const [overlap, setOverlap] = useState<Overlap>("24h");
  const [error, setError] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const isOwn = session.value?.name === old.name;
  const send = async () => {
    setBusy(true);
    const outcome = await rotateKey(old.id, overlap);
    setBusy(false);
    if (outcome.kind === "ok") onMade(outcome.value);
    else if (outcome.kind !== "unchanged") setError(failureSentence(outcome));
  };
  return (
    <Dialog
      title={fill(t.rotateTitle, { name: old.name })}
      onClose={onClose}
      onSubmit={() => void send()}
      actions={
        <>
          <Button onClick={onClose}>{shared.cancel}</Button>
          <Button kind="main" type="submit" busy={isBusy}>
            {t.rotateIt}
          </Button>
        </>
      }
    >
      <p>{t.rotateWhy}</p>
      <Choice label={t.overlap} value={overlap} options={OVERLAPS} onChange={setOverlap} />
      {isOwn && overlap === "0" ? (
        <p class="note warn">
          <Sign mood="warn" />
          {t.rotateOwnNow}
        </p>
      ) : null}
      <p class="field-error" role="alert">
        {error}
      </p>
    </Dialog>
  );
}

function aboutOld({ hint, retires_at: retiresAt }: ApiKey): string {
  const now = serviceNow();
  const at = retiresAt === null ? now : Date.parse(retiresAt);
  if (at <= now) return fill(t.rotatedOldNow, { hint });
  return fill(t.rotatedOld, { hint, when: moments().brief(at, now) });
}

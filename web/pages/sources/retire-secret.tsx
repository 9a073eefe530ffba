import { useState } from "preact/hooks";
import { retireSecret, type WebhookSecret } from "../../api/secrets.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Choice } from "../../parts/field.tsx";
import { serviceNow } from "../../state/clock.ts";
import { say } from "../../state/toast.ts";
import { sources as t } from "../../text/en/sources.ts";
import { fill, moments } from "../../text/format.ts";
import { reasonOf } from "./rotation.ts";

type When = "0" | "1h" | "24h" | "7d";
const WHENS: readonly { readonly value: When; readonly text: string }[] = [
  { value: "0", text: t.when0 },
  { value: "1h", text: t.when1h },
  { value: "24h", text: t.when24h },
  { value: "7d", text: t.when7d },
];

interface RetireDialogProps {
  readonly of: WebhookSecret;
  readonly onRetired: () => void;
  readonly onClose: () => void;
}

/** Retires a secret. If webhooks may be lost, it says so and wants the name typed. */
export function RetireDialog({ of, onRetired, onClose }: RetireDialogProps) {
  const { name, may_be_retired: answer } = of;
  const [when, setWhen] = useState<When>("0");
  const isNeeded = answer === "no" || answer === "not yet";
  const reason = reasonOf(of, (at) => moments().brief(at, serviceNow()));
  return (
    <Confirm
      title={fill(t.retireTitle, { name })}
      warning={isNeeded ? fill(t.notYet, { reason: capital(reason) }) : undefined}
      typed={isNeeded ? name : undefined}
      typeLabel={fill(t.typeName, { name })}
      actionText={t.retireIt}
      act={() => retireSecret(name, { in: when, force: isNeeded })}
      onDone={({ retires_at: at }) => {
        const from = moments().brief(Date.parse(at), serviceNow());
        say(when === "0" ? fill(t.retired, { name }) : fill(t.retiredLater, { name, when: from }));
        onRetired();
        onClose();
      }}
      onClose={onClose}
    >
      <p>{t.retireWhy}</p>
      <Choice label={t.retireWhen} value={when} options={WHENS} onChange={setWhen} />
    </Confirm>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

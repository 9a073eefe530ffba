import { useState } from "preact/hooks";
import { type Erasure, erasePerson } from "../../api/erasures.ts";
import { countMessages } from "../../api/messages.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { useResource } from "../../state/resource.ts";
import { conversation as t } from "../../text/en/conversation.ts";
import { counted, fill } from "../../text/format.ts";

const TYPED_DIGITS = 4;

interface EraseDialogProps {
  readonly number: string;
  readonly onErased: () => void;
  readonly onClose: () => void;
}

export function EraseDialog({ number, onErased, onClose }: EraseDialogProps) {
  const [done, setDone] = useState<Erasure | undefined>(undefined);
  const from = useResource(`from ${number}`, (signal) => countMessages({ from: number }, signal));
  const to = useResource(`to ${number}`, (signal) => countMessages({ to: number }, signal));
  if (done !== undefined) return <Erased erasure={done} onClose={onClose} />;
  const typed = number.slice(-TYPED_DIGITS).replace("+", "");
  const count = (n: number | undefined) => (n === undefined ? "…" : counted(t.count, n));
  return (
    <Confirm
      title={t.eraseTitle}
      typed={typed}
      typeLabel={fill(t.eraseType, { n: typed.length, digits: typed })}
      actionText={t.eraseIt}
      act={() => erasePerson(number)}
      onDone={(erasure) => {
        setDone(erasure);
        onErased();
      }}
      onClose={onClose}
    >
      <p>
        <bdi>{fill(t.eraseWhat, { from: count(from.value), to: count(to.value), number })}</bdi>
      </p>
      <p>{t.eraseWhere}</p>
    </Confirm>
  );
}

function Erased({ erasure, onClose }: { readonly erasure: Erasure; readonly onClose: () => void }) {
  return (
    <Dialog
      title={t.erasedTitle}
      onClose={onClose}
      actions={
        <Button kind="main" onClick={onClose}>
          {t.done}
        </Button>
      }
    >
      <p>{counted(t.erased, erasure.messages_deleted)}</p>
      {erasure.remains.length === 0 ? null : (
        <>
          <p>{t.remains}</p>
          <ul class="remains">
            {erasure.remains.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </>
      )}
    </Dialog>
  );
}

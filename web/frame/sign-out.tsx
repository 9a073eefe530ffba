import { useState } from "preact/hooks";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { failureSentence } from "../parts/trouble.tsx";
import { leave } from "../state/session.ts";
import { frame } from "../text/en/frame.ts";
import { t } from "../text/en.ts";

/** Says what signing out does and what it does not. */
export function SignOutDialog({ onClose }: { readonly onClose: () => void }) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const signOut = async () => {
    setBusy(true);
    const outcome = await leave();
    setBusy(false);
    if (outcome.kind !== "ok" && outcome.kind !== "unchanged") setError(failureSentence(outcome));
  };
  return (
    <Dialog
      title={frame.signOut}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button kind="main" busy={isBusy} onClick={() => void signOut()}>
            {frame.signOut}
          </Button>
        </>
      }
    >
      <p>{frame.signOutNote}</p>
      <p class="field-error" role="status">
        {error}
      </p>
    </Dialog>
  );
}

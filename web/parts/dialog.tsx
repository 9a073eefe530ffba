import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../text/en.ts";
import { Button } from "./button.tsx";
import { focusHeading } from "./page.tsx";

interface DialogProps {
  readonly title: string;
  readonly children: ComponentChildren;
  /** The buttons at the end. */
  readonly actions?: ComponentChildren;
  readonly onClose: () => void;
  /** Makes the dialog a form, which a `submit` button of `actions` or the Enter key sends. */
  readonly onSubmit?: () => void;
  /** Closes only by a button of `actions`: for what is shown once. */
  readonly isKept?: boolean;
  readonly isWide?: boolean;
}

/** A modal dialog. `<dialog>` keeps the focus inside and returns it to where it was. */
export function Dialog(props: DialogProps) {
  const { title, children, actions, onClose, onSubmit, isKept = false } = props;
  const dialog = useModal();
  const id = useId();
  const content = (
    <>
      <div class="dialog-body">{children}</div>
      {actions === undefined ? null : <footer class="dialog-actions">{actions}</footer>}
    </>
  );
  return (
    <dialog
      ref={dialog}
      class={props.isWide ? "dialog wide" : "dialog"}
      aria-labelledby={id}
      onKeyDown={(event) => {
        // A browser obeys the second Escape even if the first one was refused by `cancel`.
        if (isKept && event.key === "Escape") event.preventDefault();
      }}
      onCancel={(event) => {
        event.preventDefault();
        if (!isKept) onClose();
      }}
      onClose={(event) => {
        const { currentTarget } = event;
        if (!currentTarget.isConnected) return;
        if (isKept) currentTarget.showModal();
        else onClose();
      }}
    >
      <header class="dialog-head">
        <h2 id={id}>{title}</h2>
        {isKept ? null : <Button kind="quiet" icon="close" label={t.close} onClick={onClose} />}
      </header>
      {onSubmit === undefined ? (
        content
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            onSubmit();
          }}
        >
          {content}
        </form>
      )}
    </dialog>
  );
}

const FIRST = ".dialog-body :is(input, select, textarea):not(:disabled)";

/** What had the focus before the newest dialog. */
let opener: HTMLElement | undefined;

/** Opens a dialog, with the focus in its first field, and returns the focus at its end. */
function useModal() {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the next key of the reader, which belongs into the dialog.
  useLayoutEffect(() => {
    const { activeElement, body } = document;
    // One dialog may follow another: the first one has left the focus to nothing.
    if (activeElement instanceof HTMLElement && activeElement !== body) opener = activeElement;
    const before = opener;
    const shown = dialog.current;
    shown?.showModal();
    shown?.querySelector<HTMLElement>(FIRST)?.focus();
    return () => {
      shown?.close();
      // When all is drawn: what opened the dialog may be gone, as the row of a revoked key.
      queueMicrotask(() => {
        if (document.querySelector("dialog[open]") !== null) return;
        if (before?.isConnected) before.focus();
        else focusHeading();
      });
    };
  }, []);
  return dialog;
}

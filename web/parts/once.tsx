import type { ComponentChildren } from "preact";
import { once as t } from "../text/en/once.ts";
import { Button } from "./button.tsx";
import { Copy } from "./copy.tsx";
import { Dialog } from "./dialog.tsx";
import { Sign } from "./notes.tsx";

interface OnceProps {
  readonly title: string;
  /** The new key or secret. */
  readonly text: string;
  readonly copyLabel: string;
  readonly children?: ComponentChildren;
  readonly onKept: () => void;
}

/** Shows a new key or secret, once. It closes only by a button. */
export function Once({ title, text, copyLabel, children, onKept }: OnceProps) {
  return (
    <Dialog
      title={title}
      isWide
      isKept
      onClose={onKept}
      actions={
        <Button kind="main" onClick={onKept}>
          {t.kept}
        </Button>
      }
    >
      <p class="note warn">
        <Sign mood="warn" />
        {t.shownOnce}
      </p>
      <div class="code-line once">
        <code>{text}</code>
        <Copy text={text} words={copyLabel} />
      </div>
      {children}
    </Dialog>
  );
}

import { useEffect, useState } from "preact/hooks";
import { say } from "../state/toast.ts";
import { t } from "../text/en.ts";
import { Button, type ButtonKind } from "./button.tsx";
import { toClipboard } from "./clipboard.ts";

const COPIED_MS = 2_000;

interface CopyProps {
  readonly text: string | (() => string);
  /** The words of the button. Without them it is an icon. */
  readonly words?: string;
  /** What is copied, for the name of an icon: `Copy the id`. */
  readonly label?: string;
  readonly kind?: ButtonKind;
  /** What to do with the copied text, if that needs saying. */
  readonly said?: string | undefined;
}

/** Copies a text, and says `Copied` for two seconds. */
export function Copy({ text, words, label = t.copy, kind, said }: CopyProps) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = async () => {
    const isDone = await toClipboard(typeof text === "string" ? text : text());
    setCopied(isDone);
    if (isDone && said !== undefined) say(said);
  };
  const icon = isCopied ? "check" : "copy";
  const status = (
    <span class="visually-hidden" role="status">
      {isCopied ? t.copied : ""}
    </span>
  );
  return (
    <>
      {words === undefined ? (
        <Button kind={kind ?? "quiet"} icon={icon} label={label} onClick={() => void copy()} />
      ) : (
        <Button kind={kind ?? "plain"} icon={icon} onClick={() => void copy()}>
          {isCopied ? t.copied : words}
        </Button>
      )}
      {status}
    </>
  );
}

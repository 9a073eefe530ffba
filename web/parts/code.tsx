import { t } from "../text/en.ts";
import { Copy } from "./copy.tsx";

/** Lines for a shell, with a button that copies them. Long lines are scrolled, not broken. */
export function Code({ text, label = t.copy }: { readonly text: string; readonly label?: string }) {
  return (
    <div class="code-block">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the arrow keys */}
      <pre tabIndex={0}>{text}</pre>
      <Copy text={text} label={label} />
    </div>
  );
}

import { Dialog } from "../parts/dialog.tsx";
import { frame } from "../text/en/frame.ts";

const ROWS: readonly (readonly [readonly string[], string])[] = [
  [["/"], frame.keySearch],
  [["j"], frame.keyNext],
  [["k"], frame.keyPrevious],
  [["Enter", "o"], frame.keyOpen],
  [["Esc"], frame.keyClose],
  [["."], frame.keyNewest],
  [["p"], frame.keyLive],
  [["c"], frame.keyCopy],
  [["g", "o"], frame.keyGoOverview],
  [["g", "i"], frame.keyGoInbox],
  [["g", "s"], frame.keyGoSenders],
  [["g", "h"], frame.keyGoHealth],
  [["?"], frame.keyHelp],
];

/** All shortcuts. */
export function ShortcutDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title={frame.keysTitle} onClose={onClose}>
      <dl class="keys">
        {ROWS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

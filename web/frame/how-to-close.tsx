import { Copy } from "../parts/copy.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { frame } from "../text/en/frame.ts";

interface HowToCloseProps {
  /** Reading is open by a setting. Otherwise it is open until there is a key. */
  readonly isSet: boolean;
  readonly onClose: () => void;
}

/** The command or the setting that closes reading. */
export function HowToClose({ isSet, onClose }: HowToCloseProps) {
  return (
    <Dialog title={frame.howToClose} onClose={onClose}>
      <p>{isSet ? frame.closeSetting : frame.closeFirstKey}</p>
      {isSet ? null : (
        <div class="code-line">
          <code>{frame.closeCommand}</code>
          <Copy text={frame.closeCommand} />
        </div>
      )}
    </Dialog>
  );
}

import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Choice } from "../parts/field.tsx";
import { clock, shortcutsOn, theme, zoneChoice } from "../prefs.ts";
import { frame } from "../text/en/frame.ts";
import { fill } from "../text/format.ts";
import { browserZone, zoneName } from "../text/zones.ts";

/** Theme, zone, clock and shortcuts. */
export function DisplayDialog({ onClose }: { readonly onClose: () => void }) {
  const zones = ["UTC", ...Intl.supportedValuesOf("timeZone").filter((name) => name !== "UTC")];
  return (
    <Dialog
      title={frame.display}
      onClose={onClose}
      actions={
        <Button kind="main" onClick={onClose}>
          {frame.done}
        </Button>
      }
    >
      <Choice
        label={frame.theme}
        value={theme.value.value}
        options={[
          { value: "system", text: frame.themeSystem },
          { value: "light", text: frame.themeLight },
          { value: "dark", text: frame.themeDark },
        ]}
        onChange={theme.set}
      />
      <Choice
        label={frame.zone}
        value={zoneChoice.value.value}
        options={[
          { value: "local", text: fill(frame.zoneLocal, { zone: zoneName(browserZone()) }) },
          ...zones.map((name) => ({ value: name, text: zoneName(name) })),
        ]}
        onChange={zoneChoice.set}
      />
      <Choice
        label={frame.clock}
        value={clock.value.value}
        options={[
          { value: "language", text: frame.clockLanguage },
          { value: "12", text: frame.clock12 },
          { value: "24", text: frame.clock24 },
        ]}
        onChange={clock.set}
      />
      <Choice
        label={frame.shortcuts}
        value={shortcutsOn.value.value}
        options={[
          { value: "on", text: frame.on },
          { value: "off", text: frame.off },
        ]}
        onChange={shortcutsOn.set}
      />
    </Dialog>
  );
}

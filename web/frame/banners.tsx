import { useRef, useState } from "preact/hooks";
import type { Overview } from "../api/overview.ts";
import { Button } from "../parts/button.tsx";
import { Banner } from "../parts/notes.tsx";
import { isUpgraded, overview } from "../state/overview.ts";
import { session } from "../state/session.ts";
import { frame } from "../text/en/frame.ts";
import { t } from "../text/en.ts";
import { fill, moments } from "../text/format.ts";
import { HowToClose } from "./dialogs.ts";

/** What concerns every page: no messages are taken, reading is open, there was an upgrade. */
export function Banners() {
  const known = overview.value?.value;
  const [isHowOpen, setHowOpen] = useState(false);
  const read = session.value?.read;
  return (
    <>
      <section class="banners" aria-label={frame.notices}>
        {known?.ready === false ? <NotReady service={known} /> : null}
        {read !== undefined && read !== "keys" ? (
          <Banner
            mood="warn"
            action={
              <Button kind="quiet" onClick={() => setHowOpen(true)}>
                {frame.howToClose}
              </Button>
            }
          >
            {frame.open} <span class="banner-more">{frame.openMeans}</span>
          </Banner>
        ) : null}
        {isUpgraded.value ? (
          <Banner
            mood="warn"
            action={
              <Button kind="quiet" onClick={() => location.reload()}>
                {t.reload}
              </Button>
            }
          >
            {frame.upgraded}
          </Banner>
        ) : null}
      </section>
      {isHowOpen ? <HowToClose isSet={read === "open"} onClose={() => setHowOpen(false)} /> : null}
    </>
  );
}

/** Since when: the alert knows, otherwise since this page noticed. */
function NotReady({ service: { problem, at, alerts } }: { readonly service: Overview }) {
  const noticed = useRef(at);
  const since = alerts.find(({ rule }) => rule === "not_ready")?.since ?? noticed.current;
  const moment = moments().brief(Date.parse(since), Date.now());
  return (
    <Banner mood="bad">
      {fill(frame.notReady, { problem: problem ?? "", moment })}{" "}
      <span class="banner-more">{frame.notReadyMeans}</span>
    </Banner>
  );
}

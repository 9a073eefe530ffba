import { render } from "preact";
import { App } from "./app.tsx";
import { loadPage } from "./pages.ts";
import { route } from "./state/navigation.ts";
import { loadSession, watchSession } from "./state/session.ts";
import { listenForShortcuts } from "./state/shortcuts.ts";

/** A missing script means that the service was upgraded: the page is loaded again, once. */
const RELOADED = "lyftr-reloaded";

addEventListener("vite:preloadError", (event) => {
  if (history.state?.[RELOADED] === true) return;
  event.preventDefault();
  history.replaceState({ [RELOADED]: true }, "");
  location.reload();
});

const root = document.getElementById("app");
if (root !== null) {
  watchSession();
  listenForShortcuts();
  // On a slow line both take as long as everything before them, so they come at the same time.
  void loadSession();
  void loadPage(route.value.page);
  root.replaceChildren();
  render(<App />, root);
}

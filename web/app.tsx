import type { ComponentType } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Banners } from "./frame/banners.tsx";
import { ShortcutDialog } from "./frame/dialogs.ts";
import { Rail } from "./frame/rail.tsx";
import { accessOf, loadedPage, loadPage } from "./pages.ts";
import { LinkButton } from "./parts/button.tsx";
import { lazy } from "./parts/lazy.tsx";
import { Skeleton, Toasts } from "./parts/notes.tsx";
import { focusHeading, PageHead } from "./parts/page.tsx";
import { theme } from "./prefs.ts";
import { addressOf, type PageName, type Route } from "./route.ts";
import { route } from "./state/navigation.ts";
import { useOverview } from "./state/overview.ts";
import { focusWantedSearch } from "./state/search-focus.ts";
import { isDoubted, isUnanswered, mayAdminister, mayRead, session } from "./state/session.ts";
import { useShortcuts } from "./state/shortcuts.ts";
import { frame } from "./text/en/frame.ts";
import { t } from "./text/en.ts";
import { fill } from "./text/format.ts";

const SKELETON_ROWS = 8;
const SignIn = lazy(async () => (await import("./pages/sign-in/sign-in.tsx")).SignIn);

/** The frame: rail, banners, page. Over it the sign-in, while nothing may be read. */
export function App() {
  useTheme();
  useOverview();
  const to = route.value;
  const isSignIn = to.page === "sign-in";
  const isShut = session.value !== undefined && !mayRead.value && !isDoubted.value;
  // The page stays below the sign-in, so that what is typed there is kept.
  const [wasShown, setShown] = useState(false);
  useEffect(() => {
    if (mayRead.value && !isSignIn) setShown(true);
  });
  const before = useFocusBefore(isShut);
  if ((isShut && !wasShown) || (isSignIn && session.value !== undefined)) return <SignIn />;
  return (
    <>
      <div class="frame" inert={isShut}>
        {/* biome-ignore lint/a11y/useValidAnchor: it leads to a part of this page, whose address stays */}
        <a class="skip" href="#page" onClick={skip}>
          {t.skip}
        </a>
        <Rail />
        <div class="content">
          <Banners />
          <Main to={to} />
        </div>
      </div>
      <Toasts />
      <ShortcutList />
      {isShut ? <SignIn before={before} /> : null}
    </>
  );
}

/** What had the focus when the page was shut. `inert` takes it before the sign-in is loaded. */
function useFocusBefore(isShut: boolean): Element | null {
  const before = useRef<Element | null>(null);
  const wasShut = useRef(false);
  if (isShut && !wasShut.current) before.current = document.activeElement;
  wasShut.current = isShut;
  return before.current;
}

/** `?` */
function ShortcutList() {
  const [isOpen, setOpen] = useState(false);
  const shortcuts = useMemo(() => ({ "?": () => setOpen(true) }), []);
  useShortcuts(shortcuts);
  return isOpen ? <ShortcutDialog onClose={() => setOpen(false)} /> : null;
}

function skip(event: MouseEvent): void {
  event.preventDefault();
  focusHeading();
}

function Main({ to }: { readonly to: Route }) {
  const [shown, setShown] = useState<PageName | undefined>(undefined);
  const last = useRef(to.page);
  useEffect(() => {
    let isCurrent = true;
    void loadPage(to.page).then(() => isCurrent && setShown(to.page));
    return () => {
      isCurrent = false;
    };
  }, [to.page]);
  // A reader of a screen reader learns of another page by the focus on its heading.
  useEffect(() => {
    if (shown === to.page && last.current !== to.page && !focusWantedSearch()) focusHeading();
    if (shown === to.page) last.current = to.page;
  }, [shown, to.page]);
  return (
    <main class={`page page-${to.page}`} id="page">
      <Content to={to} isReady={shown === to.page} />
    </main>
  );
}

function Content({ to, isReady }: { readonly to: Route; readonly isReady: boolean }) {
  if (session.value === undefined)
    return (
      <>
        {isUnanswered.value ? <p role="status">{t.unanswered}</p> : null}
        <Skeleton rows={SKELETON_ROWS} />
      </>
    );
  // Below the sign-in that a session's end brings, the page stays with what was typed in it.
  if (accessOf(to.page) === "admin" && mayRead.value && !mayAdminister.value) return <NeedsAdmin />;
  const Page = loadedPage(to.page) as ComponentType<{ readonly route: Route }> | undefined;
  if (Page !== undefined) return <Page route={to} />;
  return isReady ? <NoPage /> : <Skeleton rows={SKELETON_ROWS} />;
}

function NoPage() {
  return (
    <div class="stack">
      <PageHead title={t.noPage} />
      <p>{t.noPageWhy}</p>
      <LinkButton href={addressOf({ page: "overview" })}>{t.home}</LinkButton>
    </div>
  );
}

function NeedsAdmin() {
  const { signed_in: isSignedIn = false, name } = session.value ?? {};
  const why = isSignedIn ? fill(t.mayOnlyRead, { name: name ?? "" }) : undefined;
  return (
    <div class="stack">
      <PageHead title={t.needsAdmin} />
      {why === undefined ? null : <p>{why}</p>}
      <LinkButton kind="main" href={addressOf({ page: "sign-in" })}>
        {frame.signIn}
      </LinkButton>
    </div>
  );
}

function useTheme(): void {
  const chosen = theme.value.value;
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
      const isDark = chosen === "dark" || (chosen === "system" && dark.matches);
      document.documentElement.dataset.theme = isDark ? "dark" : "light";
    };
    apply();
    dark.addEventListener("change", apply);
    return () => dark.removeEventListener("change", apply);
  }, [chosen]);
}

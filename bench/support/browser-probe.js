// Runs in the page, before its own scripts. It measures from within: when the first rows are shown,
// how long each key takes until the frame that shows its effect, and which tasks block the page.

/** A key without an effect counts as this. */
const KEY_MS_MAX = 5_000;
/** Typing the word included. */
const SEARCH_MS_MAX = 20_000;
let reportKey;

const probe = {
  /** From the start of the navigation to the frame with the first rows, in milliseconds. */
  firstRowsMs: untilShown(() => document.querySelector(".row") !== null),
  /** The start and the duration of each task over 50 ms. */
  longTasks: [],
  lastKeyMs: 0,
  /** How long the next key takes to the frame that shows its effect, in milliseconds. */
  keyMs: undefined,
  expectKey,
  assetsUntil,
  untilFound,
  scrollThrough,
};
globalThis.probe = probe;

new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries())
    probe.longTasks.push([startTime, duration]);
}).observe({ type: "longtask", buffered: true });

addEventListener(
  "keydown",
  (event) => {
    // The moment at which the browser received the key, before any waiting in the page.
    probe.lastKeyMs = event.timeStamp;
    reportKey?.(measureKey(event.timeStamp));
    reportKey = undefined;
  },
  { capture: true },
);

function expectKey() {
  const { promise, resolve } = Promise.withResolvers();
  probe.keyMs = promise;
  reportKey = resolve;
}

async function measureKey(pressedMs) {
  const before = visibleState();
  const endMs = pressedMs + KEY_MS_MAX;
  const shownMs = await untilShown(() => visibleState() !== before || performance.now() > endMs);
  return shownMs - pressedMs;
}

/** What a key can change: the row with the focus, the open message, the text of a field. */
function visibleState() {
  const focused = document.activeElement;
  const isOpen = document.querySelector(".pane .message-text") !== null;
  const open = document.querySelector(".row[aria-current]")?.dataset.key;
  return JSON.stringify([focused?.dataset.key, focused?.value, isOpen && open]);
}

/** Resolves when the first frame in which a condition holds is drawn, with that moment. */
async function untilShown(holds) {
  for (;;) {
    // A task that is posted in a frame runs after the frame is laid out and painted.
    const held = await new Promise((resolve) => {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        const holdsNow = holds();
        port1.onmessage = () => resolve(holdsNow);
        port2.postMessage(undefined);
      });
    });
    if (held) return performance.now();
  }
}

/** The files that the page has asked for when an element is shown. */
async function assetsUntil(selector) {
  await untilShown(() => document.querySelector(selector) !== null);
  return performance
    .getEntriesByType("resource")
    .flatMap(({ name }) => /assets\/[^?#]+$/.exec(name)?.[0] ?? []);
}

/** Resolves with the time from the last key to rows in which a word is marked. */
async function untilFound(word) {
  const query = new URLSearchParams({ q: word }).toString();
  const endMs = performance.now() + SEARCH_MS_MAX;
  const isFound = () =>
    location.hash.endsWith(`?${query}`) &&
    document.querySelector(".row mark")?.textContent.toLowerCase() === word;
  const shownMs = await untilShown(() => isFound() || performance.now() > endMs);
  if (!isFound()) throw new Error(`no row has the word ${word}`);
  return shownMs - probe.lastKeyMs;
}

/** The number of rows that were cut above, and of those in the document. */
function parts() {
  const row = document.querySelector(".row-item");
  const height = document.querySelector(".cut")?.offsetHeight ?? 0;
  const cut = Math.round(height / (row?.offsetHeight ?? 1));
  return { cut, rows: document.getElementsByClassName("row").length };
}

/**
 * Scrolls the list by a window a frame, down until this many rows are loaded or up to the
 * top. Resolves with the most rows that the document had.
 */
async function scrollThrough({ isDown, rows }) {
  let rowsMax = 0;
  for (;;) {
    const scroller = document.querySelector(".list-scroll");
    const now = parts();
    rowsMax = Math.max(rowsMax, now.rows);
    if (isDown ? now.cut + now.rows >= rows : now.cut + now.rows <= rows || isAtTop(scroller))
      return rowsMax;
    scroller.scrollTop += (isDown ? 1 : -1) * scroller.clientHeight;
    await untilShown(() => true);
  }
}

function isAtTop(scroller) {
  return scroller.scrollTop === 0 && document.querySelector(".cut") === null;
}

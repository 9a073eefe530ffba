import { batch, computed, signal } from "@preact/signals";
import type { Outcome } from "../api/request.ts";
import { onUnauthorized } from "../api/request.ts";
import { readSession, type Session, signIn, signOut } from "../api/session.ts";

/** Asked again in this interval, which also renews the cookie. */
const RENEW_MS = 10 * 60_000;
/** After an answer that does not say how long to wait. */
const RETRY_SECONDS = 5;

/** Undefined until the service has answered. */
export const session = signal<Session | undefined>(undefined);
/** The first answer has not come, and is asked for again. */
export const isUnanswered = signal(false);
/** The service said that the key of the cookie has ended. */
const hasEnded = signal(false);
/**
 * A request had no valid key, and the service is asked whether the session has ended. Until it
 * answers, the page stays as it is. A sign-in that closes again by itself would leave the rest of a
 * key to the field below it.
 */
export const isDoubted = signal(false);
const others = "BroadcastChannel" in globalThis ? new BroadcastChannel("lyftr-session") : undefined;

/** Messages may be read. While this is false, nothing is asked. */
export const mayRead = computed(
  () =>
    session.value !== undefined &&
    !hasEnded.value &&
    !isDoubted.value &&
    (session.value.signed_in || session.value.read !== "keys"),
);
/** A program needs an API key to read. */
export const needsKey = computed(() => session.value?.read === "keys");
export const mayAdminister = computed(() => session.value?.scope === "admin" && !hasEnded.value);
export const isSignedIn = computed(() => session.value?.signed_in === true && !hasEnded.value);

/** Questions about the session are numbered: an answer counts only until a later one has come. */
let asked = 0;
let answered = 0;

export async function loadSession(): Promise<void> {
  const at = ++asked;
  take(await readSession(), at);
}

function take(outcome: Outcome<Session>, at: number): void {
  if (outcome.kind !== "ok") {
    // Until the first answer there is nothing to show, so the page asks again.
    if (session.value !== undefined) return;
    isUnanswered.value = true;
    const seconds = outcome.kind === "busy" ? outcome.retrySeconds : RETRY_SECONDS;
    setTimeout(() => session.value === undefined && void loadSession(), seconds * 1_000);
    return;
  }
  if (at < answered) return;
  answered = at;
  batch(() => {
    session.value = outcome.value;
    hasEnded.value = false;
    isDoubted.value = false;
  });
}

/** Asks with a key. The key is not kept. */
export async function enter(key: string): Promise<Outcome<Session>> {
  const outcome = await signIn(key);
  if (outcome.kind === "ok") {
    // What was asked before the cookie was there is older than it.
    take(outcome, ++asked);
    others?.postMessage("changed");
  }
  return outcome;
}

/** Signs out. The page is loaded again, so that nothing that was read stays in it. */
export async function leave(): Promise<Outcome<void>> {
  const outcome = await signOut();
  if (outcome.kind === "ok") {
    others?.postMessage("changed");
    location.reload();
  }
  return outcome;
}

/** Follows what happens to the session here, in other tabs, and with time. */
export function watchSession(): void {
  onUnauthorized(() => void (mayRead.value && doubt()));
  others?.addEventListener("message", () => void loadSession());
  setInterval(() => {
    if (document.visibilityState === "visible" && isSignedIn.value) void loadSession();
  }, RENEW_MS);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void loadSession();
  });
}

/** Asks whether the session has ended. Nothing else is asked before the answer. */
async function doubt(): Promise<void> {
  isDoubted.value = true;
  const at = ++asked;
  const outcome = await readSession();
  take(outcome, at);
  if (!isDoubted.value) return;
  // Without an answer, the request that was refused is believed.
  batch(() => {
    isDoubted.value = false;
    hasEnded.value = true;
  });
}

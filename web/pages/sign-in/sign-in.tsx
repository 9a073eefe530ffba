import { useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { serviceUrl } from "../../api/request.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { Field } from "../../parts/field.tsx";
import { Sign } from "../../parts/notes.tsx";
import { failureSentence } from "../../parts/trouble.tsx";
import { addressOf, type Route } from "../../route.ts";
import { go, route } from "../../state/navigation.ts";
import { enter, isSignedIn, mayRead } from "../../state/session.ts";
import { frame, signIn as s } from "../../text/en/frame.ts";
import { t } from "../../text/en.ts";
import { counted, fill } from "../../text/format.ts";
import { KEY_CHARACTERS, shapeOf } from "./key-shape.ts";

interface SignInProps {
  /** What had the focus in the page that is still below, and to which the reader returns. */
  readonly before?: Element | null;
}

export function SignIn({ before }: SignInProps) {
  return before === undefined ? <Form isOver={false} /> : <Over before={before} />;
}

/** A modal dialog, so that it is also above a dialog that was open when the session ended. */
function Over({ before }: Required<SignInProps>) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    dialog.current?.showModal();
    return () => queueMicrotask(() => before instanceof HTMLElement && before.focus());
  }, []);
  return (
    <dialog
      ref={dialog}
      class="sign-in-over"
      aria-label={s.title}
      onCancel={(event) => event.preventDefault()}
      onKeyDown={(event) => event.key === "Escape" && event.preventDefault()}
    >
      <Form isOver />
    </dialog>
  );
}

function Form({ isOver }: { readonly isOver: boolean }) {
  const { key, setKey, error, isBusy, submit } = useSignIn();
  const [isShown, setShown] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = fill(t.title, { page: s.title });
    input.current?.focus();
  }, []);
  return (
    <main class="sign-in">
      <form
        class="sign-in-form"
        onSubmit={(event) => {
          event.preventDefault();
          submit(key.trim());
        }}
      >
        <h1 class="sign-in-name">{t.name}</h1>
        {isOver ? <p class="soft">{s.ended}</p> : null}
        {/* Password managers keep a password beside a name. */}
        <input
          class="visually-hidden"
          type="text"
          name="username"
          autocomplete="username"
          value={t.name}
          tabIndex={-1}
          aria-hidden="true"
          readOnly
        />
        <Field
          label={s.key}
          type={isShown ? "text" : "password"}
          name="password"
          autoComplete="current-password"
          value={key}
          onInput={setKey}
          error={error ?? shapeError(key)}
          mono
          inputRef={input}
          after={
            <Button kind="quiet" pressed={isShown} onClick={() => setShown(!isShown)}>
              {isShown ? s.hide : s.show}
            </Button>
          }
        />
        <Button kind="main" type="submit" busy={isBusy}>
          {s.submit}
        </Button>
        <Notes />
      </form>
    </main>
  );
}

function Notes() {
  return (
    <>
      {mayRead.value && !isSignedIn.value ? (
        <LinkButton kind="quiet" href={addressOf({ page: "overview" })}>
          {s.readOpenly}
        </LinkButton>
      ) : null}
      {isSecure() ? null : (
        <p class="note warn">
          <Sign mood="warn" />
          {s.notEncrypted}
        </p>
      )}
      <p class="soft sign-in-hint">
        {s.hint} <code>{frame.closeCommand}</code>
      </p>
    </>
  );
}

function useSignIn() {
  const [key, setKeyText] = useState("");
  const [error, setError] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const submit = (typed: string) => {
    if (typed === "") return setError(s.missing);
    setBusy(true);
    void enter(typed).then((outcome) => {
      setBusy(false);
      if (outcome.kind === "ok") return leaveSignIn();
      setKeyText(typed);
      if (outcome.kind === "unauthorized") return setError(s.wrong);
      if (outcome.kind === "busy" && outcome.status === 429)
        return setError(counted(s.limited, outcome.retrySeconds));
      if (outcome.kind !== "unchanged") setError(failureSentence(outcome));
    });
  };
  // `lyftr demo` prints an address with a key. It leaves the history before anything is asked.
  useEffect(() => {
    const to = route.value;
    if (to.page !== "sign-in" || to.key === undefined) return;
    go(to.next ? { page: "sign-in", next: to.next } : { page: "sign-in" }, { replace: true });
    submit(to.key);
  }, []);
  // A link on another site led to the documentation: browsers send no cookie with it.
  useSignalEffect(() => {
    const to = route.value;
    if (to.page === "sign-in" && to.next !== undefined && to.key === undefined && isSignedIn.value)
      leaveSignIn();
  });
  const setKey = (value: string) => {
    setKeyText(value);
    setError(undefined);
  };
  return { key, setKey, error, isBusy, submit };
}

/** Back to where the reader was; from the page of the sign-in, to where it leads. */
function leaveSignIn(): void {
  const to = route.value;
  if (to.page !== "sign-in") return;
  if (to.next === "docs") location.replace(serviceUrl("docs"));
  else go(START, { replace: true });
}

const START: Route = { page: "overview" };

function shapeError(key: string): string | undefined {
  const shape = shapeOf(key.trim());
  if (shape !== "cut" && shape !== "long") return undefined;
  const numbers = { have: key.trim().length, whole: KEY_CHARACTERS };
  return fill(shape === "cut" ? s.cut : s.long, numbers);
}

/** A key may be typed over HTTPS, and on this machine. */
function isSecure(): boolean {
  return isSecureContext || ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
}

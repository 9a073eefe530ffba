import type { ComponentChildren, Ref } from "preact";
import { Icon, type IconName } from "./icon.tsx";

export type ButtonKind = "main" | "plain" | "danger" | "quiet";

interface ButtonProps {
  readonly children?: ComponentChildren;
  /** `main` is the one that a page is for; `quiet` has no edge. */
  readonly kind?: ButtonKind;
  readonly icon?: IconName;
  /** The name of a button that shows only an icon. */
  readonly label?: string;
  readonly onClick?: (event: MouseEvent) => void;
  readonly disabled?: boolean;
  /** The action is under way: the button keeps its width and does nothing. */
  readonly busy?: boolean;
  readonly type?: "button" | "submit";
  readonly pressed?: boolean;
  readonly expanded?: boolean;
  readonly title?: string;
  readonly buttonRef?: Ref<HTMLButtonElement>;
}

export function Button(props: ButtonProps) {
  const { children, kind = "plain", icon, label, busy = false, type = "button" } = props;
  return (
    <button
      type={type}
      ref={props.buttonRef ?? null}
      class={`button ${kind}${children === undefined ? " icon-only" : ""}`}
      aria-label={label}
      aria-pressed={props.pressed}
      aria-expanded={props.expanded}
      aria-busy={busy ? "true" : undefined}
      title={props.title ?? (children === undefined ? label : undefined)}
      disabled={props.disabled}
      onClick={(event) => {
        // The Enter key in a field is a click on the button that sends the form.
        if (busy) event.preventDefault();
        else props.onClick?.(event);
      }}
    >
      {icon === undefined ? null : <Icon name={icon} />}
      {children}
    </button>
  );
}

interface LinkButtonProps {
  readonly href: string;
  readonly children?: ComponentChildren;
  readonly kind?: ButtonKind;
  readonly icon?: IconName;
  readonly label?: string;
  readonly download?: boolean;
  readonly newTab?: boolean;
}

/** A link that looks like a button: it leads somewhere, so it can be opened in a new tab. */
export function LinkButton(props: LinkButtonProps) {
  const { href, children, kind = "plain", icon, label, download, newTab } = props;
  return (
    <a
      class={`button ${kind}${children === undefined ? " icon-only" : ""}`}
      href={href}
      aria-label={label}
      title={children === undefined ? label : undefined}
      download={download}
      target={newTab ? "_blank" : undefined}
      rel={newTab ? "noopener noreferrer" : undefined}
    >
      {icon === undefined ? null : <Icon name={icon} />}
      {children}
    </a>
  );
}

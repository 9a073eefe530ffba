import type { ComponentChildren, Ref } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  /** Why the value cannot be used. It is tied to the field for screen readers. */
  readonly error?: string | undefined;
  readonly hint?: ComponentChildren;
  readonly type?: "text" | "password" | "search" | "number";
  readonly name?: string;
  readonly autoComplete?: string;
  readonly placeholder?: string;
  readonly disabled?: boolean;
  readonly mono?: boolean;
  readonly maxLength?: number;
  /** After the input: a button. */
  readonly after?: ComponentChildren;
  readonly inputRef?: Ref<HTMLInputElement>;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
}

export function Field(props: FieldProps) {
  const id = useId();
  const { label, value, error, hint, type = "text", after } = props;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="field-line">
        <input
          id={id}
          ref={props.inputRef ?? null}
          class={props.mono ? "mono" : undefined}
          type={type as "text"}
          name={props.name}
          value={value}
          autocomplete={props.autoComplete ?? "off"}
          spellcheck={false}
          placeholder={props.placeholder}
          disabled={props.disabled}
          maxLength={props.maxLength}
          aria-invalid={error === undefined ? undefined : "true"}
          aria-describedby={`${id}-hint ${id}-error`}
          onInput={(event) => props.onInput(event.currentTarget.value)}
          onKeyDown={props.onKeyDown}
        />
        {after}
      </div>
      <p class="field-hint" id={`${id}-hint`}>
        {hint}
      </p>
      <p class="field-error" id={`${id}-error`} aria-live="polite">
        {error}
      </p>
    </div>
  );
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly text: string }[];
  readonly onChange: (value: T) => void;
}

/** A list to choose from. */
export function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.text}
          </option>
        ))}
      </select>
    </div>
  );
}

import { useId } from "preact/hooks";

interface OptionsProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly text: string; readonly hint?: string }[];
  readonly onChange: (value: T) => void;
}

/** A few things of which one is chosen, all visible. */
export function Options<T extends string>({ label, value, options, onChange }: OptionsProps<T>) {
  const id = useId();
  return (
    <fieldset class="options">
      <legend>{label}</legend>
      {options.map((option) => (
        <div key={option.value} class="option">
          <input
            id={`${id}-${option.value}`}
            type="radio"
            name={id}
            value={option.value}
            checked={option.value === value}
            aria-describedby={option.hint === undefined ? undefined : `${id}-${option.value}-hint`}
            onChange={() => onChange(option.value)}
          />
          <label for={`${id}-${option.value}`}>{option.text}</label>
          {option.hint === undefined ? null : (
            <span class="field-hint" id={`${id}-${option.value}-hint`}>
              {option.hint}
            </span>
          )}
        </div>
      ))}
    </fieldset>
  );
}

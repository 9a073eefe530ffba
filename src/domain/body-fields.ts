import { type Issue, shownInput } from "./issue.ts";

// What the parsers of administrators' JSON bodies share. The words are those of the older service's
// validator.

export type Parsed<T> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** The maximum number of unknown fields in an answer. Otherwise it would outgrow the body. */
const UNKNOWN_FIELDS_MAX = 20;

type Fields = Parsed<{
  readonly given: Readonly<Record<string, unknown>>;
  /** An issue for each field that has no meaning here, up to a limit. */
  readonly unknown: readonly Issue[];
}>;

/**
 * The fields of a decoded JSON body. Unknown fields are reported, because a misspelt optional field
 * must not silently have no effect.
 */
export function fieldsOf(body: unknown, names: readonly string[]): Fields {
  if (body === null || body === undefined)
    return refused({ type: "missing", loc: ["body"], msg: "Field required" });
  if (typeof body !== "object" || Array.isArray(body)) {
    const msg = "Input should be a valid dictionary or object to extract fields from";
    return refused({ type: "model_attributes_type", loc: ["body"], msg });
  }
  const entries = Object.entries(body);
  const unknown = entries
    .filter(([name]) => !names.includes(name))
    .slice(0, UNKNOWN_FIELDS_MAX)
    .map(([name]) => ({
      type: "extra_forbidden",
      loc: ["body", name],
      msg: "Extra inputs are not permitted",
    }));
  return {
    ok: true,
    given: Object.fromEntries(entries.filter(([name]) => names.includes(name))),
    unknown,
  };
}

function refused(issue: Issue): Fields {
  return { ok: false, issues: [issue] };
}

export function missing(name: string): Issue {
  return { type: "missing", loc: ["body", name], msg: "Field required" };
}

/** `shown` is the part of the value that the client may see again. */
export function noString(name: string, shown?: ReturnType<typeof shownInput>): Issue {
  const msg = "Input should be a valid string";
  return { type: "string_type", loc: ["body", name], msg, ...shown };
}

export function wrong(name: string, form: string, shown?: ReturnType<typeof shownInput>): Issue {
  return { type: "value_error", loc: ["body", name], msg: `Value error, ${form}`, ...shown };
}

/** A field that is true or false; `fallback` when it is missing or null. */
export function flag(name: string, value: unknown, fallback: boolean, issues: Issue[]): boolean {
  if (value === undefined || value === null) return fallback;
  if (typeof value === "boolean") return value;
  const msg = "Input should be a valid boolean";
  issues.push({ type: "bool_type", loc: ["body", name], msg, ...shownInput(value) });
  return fallback;
}

interface DurationForm {
  readonly parse: (text: string) => number | undefined;
  readonly form: string;
}

/** A field with a duration, in milliseconds. Null counts as missing. */
export function durationIn(
  name: string,
  value: unknown,
  { parse, form }: DurationForm,
  issues: Issue[],
): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") {
    issues.push(noString(name, shownInput(value)));
    return undefined;
  }
  const ms = parse(value);
  if (ms === undefined) issues.push(wrong(name, form, shownInput(value)));
  return ms;
}

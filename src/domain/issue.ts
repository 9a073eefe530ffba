/**
 * One problem of an input, in the shape that FastAPI's users already parse. `type`, `loc` and `msg`
 * are stable; `input` and `ctx` help people.
 */
export interface Issue {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input?: string | number | boolean | null;
  readonly ctx?: Readonly<Record<string, string | number>>;
}

const INPUT_CHARACTERS_MAX = 64;

/**
 * The part of a refused value that may be shown: scalars, strings cut at 64 characters, nothing of
 * objects and arrays.
 */
export function shownInput(
  value: unknown,
): { input: string | number | boolean | null } | undefined {
  if (typeof value === "string")
    return {
      input: Array.from(value.slice(0, 2 * INPUT_CHARACTERS_MAX))
        .slice(0, INPUT_CHARACTERS_MAX)
        .join(""),
    };
  if (typeof value === "number" || typeof value === "boolean" || value === null)
    return { input: value };
  return undefined;
}

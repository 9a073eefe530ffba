import { parseEnv } from "node:util";
import { ConfigError } from "../domain/errors.ts";
import { fileReason, readTextFile, VALUE_FILE_BYTES_MAX } from "./text-file.ts";
import type { Environment } from "./variable-text.ts";
import { VARIABLES } from "./variables.ts";

/** An unquoted value with a `#` directly after another character. */
const CUT_AT_HASH = /^[ \t]*(?:export[ \t]+)?([A-Z0-9_]+)[ \t]*=[ \t]*(?!["'`])[^#\n]*[^#\s]#/gm;
/**
 * `NAME: value` of YAML, `NAME value`, `set NAME=value` and `$env:NAME=value`, which Node's parser
 * ignores.
 */
const OTHER_FORM =
  /^[ \t]*(?:(?:set[ \t]+|\$env:)([A-Z0-9_]+)[ \t]*=|([A-Z0-9_]+)(?:[ \t]*:|[ \t]+(?![ \t=]).))/gim;

/** Adds the variables of a `.env` file to the environment. Variables that are already set win. */
export function withDotEnv(env: Environment, path = ".env"): Environment {
  const text = textOf(path);
  if (text === undefined) return env;
  requireWholeValues(text);
  const added = parseEnv(text);
  // A variable and its _FILE form are one setting. The environment wins over both forms in the
  // file.
  const isSet = (name: string) =>
    env[name] !== undefined ||
    env[`${name}_FILE`] !== undefined ||
    env[name.replace(/_FILE$/, "")] !== undefined;
  return { ...Object.fromEntries(Object.entries(added).filter(([name]) => !isSet(name))), ...env };
}

function textOf(path: string): string | undefined {
  try {
    return readTextFile(path, VALUE_FILE_BYTES_MAX);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EISDIR") return undefined;
    throw new ConfigError([`.env cannot be read: ${fileReason(error)}`]);
  }
}

/**
 * Rejects lines that Node's parser would misread. It treats any `#` as the start of a comment, and
 * so would cut the value. It silently ignores lines in another form. The service would then open
 * the default database.
 */
function requireWholeValues(text: string): void {
  const names = Object.values(VARIABLES).flatMap(({ name }) => [name, `${name}_FILE`]);
  const found = (form: RegExp) => {
    const all = [...text.matchAll(form)].map(([, name, other = ""]) =>
      (name ?? other).toUpperCase(),
    );
    return all.filter((name) => names.includes(name));
  };
  const problems = [
    ...found(CUT_AT_HASH).map(
      (name) =>
        `${name} in .env has a # in it, where a comment would begin: put quotes around the value`,
    ),
    ...found(OTHER_FORM).map((name) => `${name} in .env is not written as ${name}=value`),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
}

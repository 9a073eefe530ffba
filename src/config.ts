import type { Variable } from "./config/variable.ts";
import { type Environment, variableText } from "./config/variable-text.ts";
import { type Config, VARIABLES } from "./config/variables.ts";
import { ConfigError } from "./domain/errors.ts";
import { type Rate, rateInWords } from "./domain/rate.ts";
import { withoutSecrets } from "./domain/redacted-url.ts";
import type { Setting } from "./domain/setting.ts";

export { withDotEnv } from "./config/dot-env.ts";
export { misspellingInWords, misspellings } from "./config/misspellings.ts";
export type { Environment } from "./config/variable-text.ts";
export { type Config, VARIABLES } from "./config/variables.ts";
export { configWarnings } from "./config/warnings.ts";

/** Reads the configuration. Throws a `ConfigError` with every problem at once. */
export function readConfig(env: Environment): Config {
  const problems: string[] = [];
  const entries = Object.entries(VARIABLES).map(([key, variable]) => [
    key,
    readVariable(variable, env, problems),
  ]);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.fromEntries(entries) as Config;
}

function readVariable(variable: Variable<unknown>, env: Environment, problems: string[]): unknown {
  const { name } = variable;
  let text: string | undefined;
  try {
    text = variableText(variable, env);
    return variable.parse(
      text === undefined || (text === "" && !variable.verbatim) ? variable.fallback : text,
    );
  } catch (problem) {
    const sentence = problem instanceof Error ? problem.message : String(problem);
    // A file that was named by mistake may hold a secret.
    problems.push(
      `${name} ${env[`${name}_FILE`] ? sentence.replaceAll(`"${text}"`, "the content of the file") : sentence}`,
    );
    return undefined;
  }
}

/**
 * The configuration for display: secrets are replaced by `(set)`, and URLs lose their passwords.
 */
export function redacted(config: Config): Readonly<Record<string, string>> {
  const show = (variable: Variable<unknown>, value: unknown) => {
    if (isUnset(value)) return unsetInWords(variable) ?? "(not set)";
    return variable.secret ? "(set)" : withoutSecrets(inWords(value));
  };
  return Object.fromEntries(
    Object.entries(VARIABLES).map(([key, variable]) => [
      variable.name,
      show(variable, config[key as keyof Config]),
    ]),
  );
}

/** Where the text of the settings was found. */
export interface SettingSources {
  /** With the variables of the `.env` file. */
  readonly env: Environment;
  /** Without them. */
  readonly outside: Environment;
}

/** The same for `GET /settings`, with the source of each setting. */
export function settingsOf(config: Config, sources: SettingSources): readonly Setting[] {
  return Object.entries(VARIABLES).map(([key, variable]) => {
    const value = config[key as keyof Config];
    const shown = variable.secret ? "set" : withoutSecrets(inWords(value));
    return {
      name: variable.name,
      value: isUnset(value) ? unsetInWords(variable) : shown,
      from: sourceOf(variable, sources),
    };
  });
}

/** Reads no file again: what `NAME_FILE` names may be a pipe, which has one reader. */
function sourceOf({ name }: Variable<unknown>, { env, outside }: SettingSources): Setting["from"] {
  const isSet = (text: string | undefined) => text !== undefined && text.trim() !== "";
  if (isSet(env[`${name}_FILE`])) return "file";
  if (!isSet(env[name])) return "default";
  return isSet(outside[name]) ? "environment" : "file";
}

function isUnset(value: unknown): boolean {
  return value === undefined || (value as { length?: number }).length === 0;
}

/** `off` for a variable that accepts `off`, else null. */
function unsetInWords(variable: Variable<unknown>): string | null {
  try {
    return variable.parse("off") === undefined ? "off" : null;
  } catch {
    return null;
  }
}

function inWords(value: unknown): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (typeof value === "object" && value !== null && "perMs" in value)
    return rateInWords(value as Rate);
  return String(value);
}

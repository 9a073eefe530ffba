import type { Variable } from "./config/variable.ts";
import { type Environment, variableText } from "./config/variable-text.ts";
import { type Config, VARIABLES } from "./config/variables.ts";
import { ConfigError } from "./domain/errors.ts";
import { type Rate, rateInWords } from "./domain/rate.ts";
import { withoutSecrets } from "./domain/redacted-url.ts";

export { withDotEnv } from "./config/dot-env.ts";
export { misspellingInWords, misspellings } from "./config/misspellings.ts";
export type { Environment } from "./config/variable-text.ts";
export { type Config, VARIABLES } from "./config/variables.ts";
export { configWarnings, secretWarnings } from "./config/warnings.ts";

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
    if (value === undefined || (value as { length?: number }).length === 0)
      return unsetInWords(variable);
    return variable.secret ? "(set)" : withoutSecrets(inWords(value));
  };
  return Object.fromEntries(
    Object.entries(VARIABLES).map(([key, variable]) => [
      variable.name,
      show(variable, config[key as keyof Config]),
    ]),
  );
}

/** Shows `off` for a variable that accepts `off`. */
function unsetInWords(variable: Variable<unknown>): string {
  try {
    return variable.parse("off") === undefined ? "off" : "(not set)";
  } catch {
    return "(not set)";
  }
}

function inWords(value: unknown): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (typeof value === "object" && value !== null && "perMs" in value)
    return rateInWords(value as Rate);
  return String(value);
}

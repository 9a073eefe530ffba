import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import type { Variable } from "./config/variable.ts";
import { type Config, VARIABLES } from "./config/variables.ts";
import { ConfigError } from "./domain/errors.ts";
import { type Rate, rateInWords } from "./domain/rate.ts";

export { type Config, VARIABLES } from "./config/variables.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the configuration. Throws a `ConfigError` with every problem at once. */
export function readConfig(env: Environment): Config {
  const problems: string[] = [];
  const entries = Object.entries(VARIABLES).map(([key, variable]) => [key, readVariable(variable, env, problems)]);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.fromEntries(entries) as Config;
}

function readVariable(variable: Variable<unknown>, env: Environment, problems: string[]): unknown {
  try {
    const text = given(variable.name, env);
    return variable.parse(text === undefined || (text === "" && !variable.secret) ? variable.fallback : text);
  } catch (problem) {
    problems.push(`${variable.name} ${problem instanceof Error ? problem.message : problem}`);
    return undefined;
  }
}

/** `NAME`, or what is in the file that `NAME_FILE` names, less the line end an editor puts there. */
function given(name: string, env: Environment): string | undefined {
  const file = env[`${name}_FILE`];
  if (!file) return env[name];
  if (env[name]) throw new Error(`is set twice: here and as ${name}_FILE; keep one`);
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw new Error(`cannot be read from ${name}_FILE=${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** The environment with what a `.env` file adds to it. What is set already stays. */
export function withDotEnv(env: Environment, path = ".env"): Environment {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EISDIR") return env;
    throw new ConfigError([`.env cannot be read: ${code}`]);
  }
  const added = parseEnv(text);
  // A variable and its _FILE form are one setting: whichever is set outside wins over both in the file.
  const isSet = (name: string) =>
    env[name] !== undefined || env[`${name}_FILE`] !== undefined || env[name.replace(/_FILE$/, "")] !== undefined;
  return { ...Object.fromEntries(Object.entries(added).filter(([name]) => !isSet(name))), ...env };
}

/** The configuration for people's eyes: secrets are only said to be set, and URLs lose their passwords. */
export function redacted(config: Config): Readonly<Record<string, string>> {
  const show = (variable: Variable<unknown>, value: unknown) => {
    if (variable.secret)
      return value === undefined || (value as { length?: number }).length === 0 ? "(not set)" : "(set)";
    return inWords(value)
      .replace(/:\/\/([^:/@]*):.+@/, "://$1:***@")
      .replace(/([?&]password=)[^&]*/i, "$1***");
  };
  return Object.fromEntries(
    Object.entries(VARIABLES).map(([key, variable]) => [variable.name, show(variable, config[key as keyof Config])]),
  );
}

function inWords(value: unknown): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (value === undefined) return "off";
  if (typeof value === "object" && value !== null && "perMs" in value) return rateInWords(value as Rate);
  return String(value);
}

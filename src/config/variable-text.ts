import { fileReason, readTextFile, VALUE_FILE_BYTES_MAX } from "./text-file.ts";
import type { Variable } from "./variable.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The text of a variable: its value, or the content of the file that `NAME_FILE` names, without the
 * final line end. Undefined when neither is set. Throws a sentence that completes "NAME …".
 */
export function variableText(variable: Variable<unknown>, env: Environment): string | undefined {
  const { name } = variable;
  const path = withoutWrapping(env[`${name}_FILE`] ?? "");
  const direct = env[name];
  if (path === "") return direct === undefined ? undefined : cleanValue(variable, direct);
  if (direct !== undefined && direct.trim() !== "")
    throw new Error(`is set twice: here and as ${name}_FILE; keep one`);
  return cleanValue(variable, fromFile(path, `${name}_FILE`));
}

/**
 * The value in a file, without the final line end. Throws the error of the file system, or the
 * reason why the file cannot be used.
 */
export function readValueFile(path: string): string {
  return readTextFile(path, VALUE_FILE_BYTES_MAX).replace(/\r?\n$/, "");
}

function fromFile(path: string, variable: string): string {
  try {
    return readValueFile(path);
  } catch (error) {
    throw new Error(`cannot be read from ${variable}=${path}: ${fileReason(error)}`);
  }
}

/**
 * Keeps every byte of a secret. From other values, removes surrounding blanks, line ends and
 * quotes.
 */
function cleanValue({ verbatim, list }: Variable<unknown>, text: string): string {
  // Node has replaced invalid UTF-8 in the environment, so the value is not the one that was set.
  if (text.includes("\ufffd")) throw new Error("has bytes that are not UTF-8");
  if (verbatim) return text;
  const value = withoutWrapping(text);
  if (hasControlCharacter(list ? value.replace(/\s/g, " ") : value))
    throw new Error("has a line end or another control character in it");
  return value;
}

/** `docker --env-file` and Kubernetes keep quotes that a shell or a .env file would remove. */
function withoutWrapping(text: string): string {
  const trimmed = text.trim();
  const quoted = /^(["'])(.*)\1$/s.exec(trimmed)?.[2];
  return (quoted ?? trimmed).trim();
}

/**
 * Also finds invisible characters such as U+200B. Pasted with a path, they would name another file.
 */
function hasControlCharacter(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text);
}

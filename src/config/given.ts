import { fileReason, readTextFile, VALUE_FILE_BYTES_MAX } from "./text-file.ts";
import type { Variable } from "./variable.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The text of a variable: `NAME`, or what is in the file that `NAME_FILE` names, less the line end an editor puts there.
 * Undefined when neither is set. Throws a sentence that completes "NAME …".
 */
export function givenText(variable: Variable<unknown>, env: Environment): string | undefined {
  const { name } = variable;
  const path = withoutWrapping(env[`${name}_FILE`] ?? "");
  const direct = env[name];
  if (path === "") return direct === undefined ? undefined : cleanValue(variable, direct);
  if (direct !== undefined && direct.trim() !== "") throw new Error(`is set twice: here and as ${name}_FILE; keep one`);
  return cleanValue(variable, fromFile(path, `${name}_FILE`));
}

/** The one value in a file, less the line end at its end. Throws what the file system says, or why the file is unfit. */
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

/** A secret keeps its bytes. Of every other value blanks, line ends and quotes around it are no part. */
function cleanValue({ verbatim, list }: Variable<unknown>, text: string): string {
  // Node has already replaced the bytes of an environment that are not UTF-8; the value would be another one.
  if (text.includes("\ufffd")) throw new Error("has bytes that are not UTF-8");
  if (verbatim) return text;
  const value = withoutWrapping(text);
  if (hasControlCharacter(list ? value.replace(/\s/g, " ") : value))
    throw new Error("has a line end or another control character in it");
  return value;
}

/** `docker --env-file` and Kubernetes keep quotes that a shell or a .env file would take away. */
function withoutWrapping(text: string): string {
  const trimmed = text.trim();
  const quoted = /^(["'])(.*)\1$/s.exec(trimmed)?.[2];
  return (quoted ?? trimmed).trim();
}

/** Those that are not seen too, such as U+200B: pasted with a path, they would name another file. */
function hasControlCharacter(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text);
}

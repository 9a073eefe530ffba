import { parseArgs } from "node:util";

type Flags = Record<string, number | string | boolean>;

/**
 * Parses the command line into an object like `defaults`: `secondsMax` is the flag `--seconds-max`.
 * On an error, prints the flags and ends the process.
 */
export function readFlags<T extends Flags>(defaults: T): T {
  const names = new Map(
    Object.keys(defaults).map((key) => [
      key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      key,
    ]),
  );
  try {
    const options = Object.fromEntries(
      [...names].map(([flag, key]) => [
        flag,
        { type: typeof defaults[key] === "boolean" ? "boolean" : "string" } as const,
      ]),
    );
    const { values } = parseArgs({ options, strict: true });
    const given = Object.entries(values).map(([flag, value]) => {
      const key = names.get(flag) as string;
      return [key, typeof defaults[key] === "number" ? number(flag, String(value)) : value];
    });
    return { ...defaults, ...Object.fromEntries(given) };
  } catch (error) {
    const usage = [...names]
      .map(([flag, key]) => `  --${flag} ${defaults[key] === false ? "" : defaults[key]}`)
      .join("\n");
    process.stderr.write(`${(error as Error).message}\nFlags and their defaults:\n${usage}\n`);
    process.exit(2);
  }
}

function number(flag: string, text: string): number {
  const value = Number(text);
  if (!(value >= 0)) throw new Error(`--${flag} must be a number, not "${text}"`);
  return value;
}

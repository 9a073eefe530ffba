import { InvalidArgumentError } from "commander";

/** Reads an option's value as a whole number in a range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** Reads an option's value as the address of a service, without a slash at its end. */
export function serviceUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const hasMore = [url?.username, url?.password, url?.search, url?.hash].some(
    (part) => part !== "",
  );
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || hasMore) {
    throw new InvalidArgumentError(
      "It must look like http://127.0.0.1:8000 or https://hooks.example.com.",
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** Reads an option's value as milliseconds. `form` says what `parse` accepts: `must be …`. */
export function durationBy(
  parse: (text: string) => number | undefined,
  form: string,
): (text: string) => number {
  return (text) => {
    const ms = parse(text);
    if (ms === undefined) throw new InvalidArgumentError(`It ${form}.`);
    return ms;
  };
}

import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { parseDuration } from "../domain/duration.ts";
import { parseRate, type Rate } from "../domain/rate.ts";

// Parsers of single values. Each returns a value, or throws a sentence that completes "NAME …".

export const LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
export const WORKERS_MAX = 64;
/** The minimum length of secrets that are generated at random, not chosen by a person. */
export const SECRET_CHARACTERS_MIN = 32;

const YES = ["1", "true", "yes", "on"];
const NO = ["0", "false", "no", "off"];

export function flag(text = ""): boolean {
  const word = text.toLowerCase();
  if (!YES.includes(word) && !NO.includes(word)) throw new Error(`must be 1 or 0, not "${text}"`);
  return YES.includes(word);
}

/** Other names that Python's logging and uvicorn have for the same levels. */
const LEVEL_ALIASES: Readonly<Record<string, string>> = {
  TRACE: "DEBUG",
  NOTSET: "DEBUG",
  "0": "DEBUG",
  "10": "DEBUG",
  "20": "INFO",
  WARN: "WARNING",
  "30": "WARNING",
  "40": "ERROR",
  FATAL: "CRITICAL",
  "50": "CRITICAL",
};

export function logLevel(text = ""): string {
  const name = text.toUpperCase();
  const level = LEVEL_ALIASES[name] ?? name;
  if (!LOG_LEVELS.includes(level))
    throw new Error(`must be one of ${LOG_LEVELS.join(", ")}, not "${text}"`);
  return level;
}

/** An address or a name to listen on. */
export function host(text = ""): string {
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  const isAddressWithPort = isIP(bare) === 0 && bare.includes(":");
  if (/[\s/,*]/.test(bare) || isAddressWithPort)
    throw new Error(
      `must be one address or name, such as 127.0.0.1, without a port, not "${text}"`,
    );
  return canonicalAddress(bare);
}

/**
 * The usual spelling of an address: `0` and `::0` mean every address, `127.1` means this machine.
 */
function canonicalAddress(address: string): string {
  if (/^[0-9.]+$/.test(address)) return URL.parse(`http://${address}`)?.hostname ?? address;
  const canonical = isIP(address) === 6 ? URL.parse(`http://[${address}]`)?.hostname : undefined;
  if (canonical === "[::]" || canonical === "[::1]") return canonical.slice(1, -1);
  return canonical === "[::ffff:0:0]" ? "0.0.0.0" : address;
}

export function workers(text = ""): number {
  if (text === "auto") return Math.min(availableParallelism(), WORKERS_MAX);
  try {
    return integer(1, WORKERS_MAX)(text);
  } catch {
    throw new Error(`must be a whole number from 1 to ${WORKERS_MAX} or auto, not "${text}"`);
  }
}

export function integer(min: number, max: number): (text: string | undefined) => number {
  return (text = "") => {
    const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new Error(`must be a whole number from ${min} to ${max}, not "${text}"`);
    return value;
  };
}

/** Parses one of a few words. */
export function word<T extends string>(
  ...words: readonly [T, ...T[]]
): (text: string | undefined) => T {
  return (text = "") => {
    const found = words.find((candidate) => candidate === text.toLowerCase());
    if (found === undefined) throw new Error(`must be one of ${words.join(", ")}, not "${text}"`);
    return found;
  };
}

/**
 * Parses a secret: undefined when it is not set, otherwise it has at least this many characters.
 */
export function longSecret(
  charactersMin: number,
): (text: string | undefined) => string | undefined {
  return (text = "") => {
    if (text.trim() === "") return undefined;
    if (text.length < charactersMin)
      throw new Error(`must have at least ${charactersMin} characters`);
    return text;
  };
}

/** Parses a secret that is sent in a header, which would change blanks and non-ASCII letters. */
export function headerSecret(
  charactersMin: number,
): (text: string | undefined) => string | undefined {
  const longEnough = longSecret(charactersMin);
  return (text) => {
    const secret = longEnough(text);
    if (secret !== undefined && !/^[!-~]+$/.test(secret))
      throw new Error("must consist of ASCII letters, digits and punctuation, without blanks");
    return secret;
  };
}

/** `100/1m`, or undefined for `off`. */
export function rateLimit(text = ""): Rate | undefined {
  if (text === "off") return undefined;
  const rate = parseRate(text);
  if (rate === undefined)
    throw new Error(`must look like 100/1m or 100/1m,burst=20, or be off, not "${text}"`);
  return rate;
}

/** A number of days, or undefined for `off`. */
export function daysOrOff(max: number): (text: string | undefined) => number | undefined {
  return (text = "") => {
    if (text === "off") return undefined;
    const days = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    if (!(days >= 1 && days <= max))
      throw new Error(`must be a number of days from 1 to ${max}, or off, not "${text}"`);
    return days;
  };
}

/** A number of minutes, or undefined for `off`. */
export function minutesOrOff(
  min: number,
  max: number,
): (text: string | undefined) => number | undefined {
  return (text = "") => {
    if (text === "off") return undefined;
    const minutes = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(minutes >= min && minutes <= max))
      throw new Error(`must be a number of minutes from ${min} to ${max}, or off, not "${text}"`);
    return minutes;
  };
}

/** The URL to which requests are posted; undefined when it is not set. */
export function endpoint(text = ""): string | undefined {
  if (text.trim() === "") return undefined;
  // The text itself is never repeated, because it may be a credential.
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol))
    throw new Error("must be a URL that begins with https:// or http://");
  if (url.username !== "" || url.password !== "")
    throw new Error("has a user or a password in it, which is not sent");
  return url.href;
}

/** What PagerDuty calls an integration key. */
export function routingKey(text = ""): string | undefined {
  if (text.trim() === "") return undefined;
  if (!/^[0-9A-Za-z]{32}$/.test(text))
    throw new Error(
      "must be the integration key of a service with Events API v2: 32 letters and digits",
    );
  return text;
}

/** Milliseconds: a number, or a duration with a unit. */
export function milliseconds(max: number): (text: string | undefined) => number {
  return (text = "") => {
    const ms = /^[0-9]{1,15}$/.test(text) ? Number(text) : parseDuration(text);
    if (ms === undefined || ms > max)
      throw new Error(
        `must be milliseconds from 0 to ${max}, or a duration such as 5s, not "${text}"`,
      );
    return ms;
  };
}

export function redisUrl(text = ""): string | undefined {
  if (text === "") return undefined;
  // The text itself is never repeated, because it may contain a password.
  const url = URL.parse(text);
  if (url === null || !["redis:", "rediss:"].includes(url.protocol) || url.hostname === "")
    throw new Error("must look like redis://user:password@host:6379/0, or rediss:// for TLS");
  if (!/^(\/[0-9]{0,4})?$/.test(url.pathname))
    throw new Error("has a path that is not a database number, as in redis://host:6379/0");
  return text;
}

const NAMED_NETWORKS = ["loopback", "linklocal", "uniquelocal"];

/**
 * Networks of proxies: addresses, `10.0.0.0/8`, `fd00::/8`, or the names loopback, linklocal and
 * uniquelocal.
 */
export function networks(text = ""): readonly string[] {
  const all = list(text);
  for (const network of all) {
    const [address = "", bits, more] = network.split("/");
    const version = isIP(address);
    const bitsMax = version === 4 ? 32 : 128;
    // With a /0 network, every client could choose its own address.
    const hasBits =
      bits === undefined ||
      (/^[0-9]{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= bitsMax);
    if (!NAMED_NETWORKS.includes(network) && (version === 0 || !hasBits || more !== undefined)) {
      throw new Error(
        `has "${network}", which is not an address, a network such as 10.0.0.0/8, or one of ${NAMED_NETWORKS.join(", ")}`,
      );
    }
  }
  return all;
}

/** Origins of pages: `https://example.com`, without a path. */
export function origins(text = ""): readonly string[] {
  const all = list(text);
  for (const origin of all) {
    if (URL.parse(origin)?.origin !== origin || !/^https?:/.test(origin))
      throw new Error(`has "${origin}", which is not an origin such as https://example.com`);
  }
  return all;
}

/** Addresses and origins contain no blanks, so blanks separate entries like commas. */
function list(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((part) => part !== "");
}

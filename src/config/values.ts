import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { parseDuration } from "../domain/duration.ts";
import { parseRate, type Rate } from "../domain/rate.ts";
import { isCalendarDate, UTC_TIMESTAMP_PATTERN } from "../domain/timestamp.ts";

// What the variables of the configuration are made of. Each returns a value, or throws a sentence that completes "NAME …".

export const LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
export const WORKERS_MAX = 64;

/** A URL of a database that is kept on disk. */
export function databaseUrl(text = ""): string {
  if (/^postgres(ql)?:/.test(text)) return postgresUrl(text);
  if (!/^sqlite(\+[a-z]+)?:\/\/\/[^?#]+$/.test(text))
    throw new Error("must look like sqlite:///./data/app.db, sqlite:////data/app.db or postgres://user@host/database");
  if (text.endsWith(":memory:")) throw new Error("must name a file: messages in memory would be lost");
  return text;
}

const TLS_MODES = ["disable", "require", "verify-ca", "verify-full"];

function postgresUrl(text: string): string {
  const form = "must look like postgres://user:password@host:5432/database";
  // The text itself is never repeated: there is a password in it.
  const url = URL.parse(text);
  if (url === null) throw new Error(`${form}; special characters of a password are written %XX`);
  if (!text.startsWith(`${url.protocol}//`) || /[\0-\x20]|%00/.test(text)) throw new Error(form);
  if (!/^\/[^/]+$/.test(url.pathname)) throw new Error(`${form}; the name of the database is missing`);
  const mode = url.searchParams.get("sslmode");
  if (mode !== null && !TLS_MODES.includes(mode))
    throw new Error(`has an sslmode that is none of ${TLS_MODES.join(", ")}`);
  if (mode === "verify-ca" && !url.searchParams.has("sslrootcert"))
    throw new Error("has sslmode=verify-ca, which needs sslrootcert=/path/to/ca.pem; or use verify-full");
  return text;
}

export function flag(text = ""): boolean {
  const value = { "1": true, true: true, "0": false, false: false }[text.toLowerCase()];
  if (value === undefined) throw new Error(`must be 1 or 0, not "${text}"`);
  return value;
}

export function logLevel(text = ""): string {
  const level = text.toUpperCase();
  if (!LOG_LEVELS.includes(level)) throw new Error(`must be one of ${LOG_LEVELS.join(", ")}, not "${text}"`);
  return level;
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
    if (!(value >= min && value <= max)) throw new Error(`must be a whole number from ${min} to ${max}, not "${text}"`);
    return value;
  };
}

/** One of a few words. */
export function word<T extends string>(...words: readonly [T, ...T[]]): (text: string | undefined) => T {
  return (text = "") => {
    const found = words.find((candidate) => candidate === text);
    if (found === undefined) throw new Error(`must be one of ${words.join(", ")}, not "${text}"`);
    return found;
  };
}

/** A secret that is not set, or has at least so many characters. */
export function longSecret(charactersMin: number): (text: string | undefined) => string | undefined {
  return (text = "") => {
    if (text.trim() === "") return undefined;
    if (text.length < charactersMin) throw new Error(`must have at least ${charactersMin} characters`);
    return text;
  };
}

/** The same for what is sent in a header: blanks and letters beyond ASCII would not arrive there as they are. */
export function headerSecret(charactersMin: number): (text: string | undefined) => string | undefined {
  const longEnough = longSecret(charactersMin);
  return (text) => {
    const secret = longEnough(text);
    if (secret !== undefined && !/^[!-~]+$/.test(secret))
      throw new Error("must have only letters, digits and signs of ASCII, and no blanks");
    return secret;
  };
}

/** `100/1m`, or undefined for `off`. */
export function rateLimit(text = ""): Rate | undefined {
  if (text === "off") return undefined;
  const rate = parseRate(text);
  if (rate === undefined) throw new Error(`must look like 100/1m or 100/1m,burst=20, or be off, not "${text}"`);
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
export function minutesOrOff(min: number, max: number): (text: string | undefined) => number | undefined {
  return (text = "") => {
    if (text === "off") return undefined;
    const minutes = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(minutes >= min && minutes <= max))
      throw new Error(`must be a number of minutes from ${min} to ${max}, or off, not "${text}"`);
    return minutes;
  };
}

/** Where something is posted to; undefined when it is not set. */
export function endpoint(text = ""): string | undefined {
  if (text.trim() === "") return undefined;
  // The text itself is never repeated: it may be a credential.
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol))
    throw new Error("must be a URL that begins with https:// or http://");
  if (url.username !== "" || url.password !== "") throw new Error("has a user or a password in it, which is not sent");
  return url.href;
}

/** What PagerDuty calls an integration key. */
export function routingKey(text = ""): string | undefined {
  if (text.trim() === "") return undefined;
  if (!/^[0-9A-Za-z]{32}$/.test(text))
    throw new Error("must be the integration key of a service with Events API v2: 32 letters and digits");
  return text;
}

/** Milliseconds, given as a number of them or with a unit. */
export function milliseconds(max: number): (text: string | undefined) => number {
  return (text = "") => {
    const ms = /^[0-9]{1,15}$/.test(text) ? Number(text) : parseDuration(text);
    if (ms === undefined || ms > max)
      throw new Error(`must be milliseconds from 0 to ${max}, or a duration such as 5s, not "${text}"`);
    return ms;
  };
}

export function redisUrl(text = ""): string | undefined {
  if (text === "") return undefined;
  // The text itself is never repeated: there may be a password in it.
  const url = URL.parse(text);
  if (url === null || !["redis:", "rediss:"].includes(url.protocol) || url.hostname === "")
    throw new Error("must look like redis://user:password@host:6379/0, or rediss:// for TLS");
  if (!/^(\/[0-9]{0,4})?$/.test(url.pathname))
    throw new Error("has a path that is no number of a database, as in redis://host:6379/0");
  return text;
}

const NAMED_NETWORKS = ["loopback", "linklocal", "uniquelocal"];

/** Networks of proxies: addresses, `10.0.0.0/8`, `fd00::/8`, or the names loopback, linklocal and uniquelocal. */
export function networks(text = ""): readonly string[] {
  const all = list(text);
  for (const network of all) {
    const [address = "", bits, more] = network.split("/");
    const version = isIP(address);
    const bitsMax = version === 4 ? 32 : 128;
    // A network of everybody would let everybody choose an address.
    const hasBits = bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= bitsMax);
    if (!NAMED_NETWORKS.includes(network) && (version === 0 || !hasBits || more !== undefined)) {
      throw new Error(
        `has "${network}", which is no address, no network such as 10.0.0.0/8, and none of ${NAMED_NETWORKS.join(", ")}`,
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
      throw new Error(`has "${origin}", which is no origin such as https://example.com`);
  }
  return all;
}

/** A secret that was used before, and the moment from which it is refused. */
export interface PreviousSecret {
  readonly secret: string;
  readonly untilMs: number | undefined;
}

/** Together with the current one, half of what is accepted at once; the other half may be in the database. */
const PREVIOUS_SECRETS_MAX = 7;
const WITH_END = /^(.*)@([0-9]{4}-.*)$/s;

/** Secrets with commas between them, each with an end if there shall be one: `old,older@2026-12-31T00:00:00Z`. */
export function previousSecrets(text = ""): readonly PreviousSecret[] {
  const parts = list(text);
  if (parts.length > PREVIOUS_SECRETS_MAX) throw new Error(`has more than ${PREVIOUS_SECRETS_MAX} entries`);
  // Neither a secret nor its end is repeated: what looks like an end may be a part of the secret.
  return parts.map((part, at) => {
    const [, secret, end] = WITH_END.exec(part) ?? [];
    if (secret === undefined || end === undefined) return { secret: part, untilMs: undefined };
    if (!new RegExp(UTC_TIMESTAMP_PATTERN).test(end) || !isCalendarDate(end))
      throw new Error(`has an end in its entry ${at + 1} that is no timestamp such as 2026-12-31T00:00:00Z`);
    if (secret.trim() === "") throw new Error(`has an end without a secret in its entry ${at + 1}`);
    return { secret, untilMs: Date.parse(end) };
  });
}

function list(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

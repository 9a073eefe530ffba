import type { Rate } from "../domain/rate.ts";
import {
  headerSecret,
  networks,
  origins,
  rateLimit,
  SECRET_CHARACTERS_MIN,
  word,
} from "./values.ts";
import type { Variable } from "./variable.ts";

export interface AccessConfig {
  /** `auto`: reading is open until the first API key exists. */
  readonly readAuth: "auto" | "required" | "open";
  readonly metricsAuth: "open" | "required";
  /** An API key of scope `admin` that is stored nowhere else. */
  readonly adminApiKey: string | undefined;
  /** Proxies whose X-Forwarded-For is trusted. */
  readonly trustProxy: readonly string[];
  /** Origins whose pages may read. */
  readonly corsOrigins: readonly string[];
  /** Undefined means no limit, here and below. */
  readonly rateLimitPerSender: Rate | undefined;
  readonly rateLimitPerIp: Rate | undefined;
  readonly rateLimitPerKey: Rate | undefined;
  readonly rateLimitFailedAuth: Rate | undefined;
}

const RATE =
  "`off`, or a rate such as `100/1m` or `100/1m,burst=20`. Time units: `ms`, `s`, `m`, `h`, `d`.";
const RATE_UNIT = "requests per time";

export const ACCESS_VARIABLES: { readonly [K in keyof AccessConfig]: Variable<AccessConfig[K]> } = {
  readAuth: {
    name: "READ_AUTH",
    fallback: "auto",
    help: "Whether reading needs an API key.",
    values:
      "`auto`: reading is open until the first API key exists, then it needs a key. `required`: reading needs a key. " +
      "`open`: reading never needs a key.",
    details: [
      "With `required`, a start without any key is refused. While reading is open under `auto`, the start " +
        "logs a WARNING and every read has the header `X-Read-Auth: open`.",
    ],
    parse: word("auto", "required", "open"),
  },
  metricsAuth: {
    name: "METRICS_AUTH",
    fallback: "open",
    help: "Whether `/metrics` needs an API key.",
    values: "`open` or `required`. A key of either scope is accepted.",
    parse: word("open", "required"),
  },
  adminApiKey: {
    name: "ADMIN_API_KEY",
    fallback: undefined,
    help: "An API key of scope `admin`, for creating the first API keys. It is not stored in the database.",
    values: "32 characters or more: ASCII letters, digits and punctuation, no blanks.",
    secret: true,
    verbatim: true,
    parse: headerSecret(SECRET_CHARACTERS_MIN),
  },
  trustProxy: {
    name: "TRUST_PROXY",
    fallback: undefined,
    help: "Proxies whose `X-Forwarded-For` is trusted. Without it the client is the peer of the connection.",
    values:
      "Addresses, networks such as `10.0.0.0/8`, `loopback`, `linklocal` or `uniquelocal`, separated by commas or blanks.",
    list: true,
    parse: networks,
  },
  corsOrigins: {
    name: "CORS_ORIGINS",
    fallback: undefined,
    help: "Origins whose pages may read from a browser.",
    values: "Origins such as `https://example.com`, separated by commas or blanks.",
    list: true,
    parse: origins,
  },
  rateLimitPerSender: {
    name: "RATE_LIMIT_PER_SENDER",
    fallback: "off",
    help: "Rate limit for the messages of one sender (`from`).",
    values: RATE,
    unit: "messages per time",
    details: [
      "`100/1m` is a token bucket of 100 tokens that refills by 100 a minute; with `burst=20` it holds 20. " +
        "A message that finds no token gets 429 and is not stored.",
    ],
    parse: rateLimit,
  },
  rateLimitPerIp: {
    name: "RATE_LIMIT_PER_IP",
    fallback: "off",
    help: "Rate limit for the requests of one address (for IPv6, of one /64 network).",
    values: RATE,
    unit: RATE_UNIT,
    details: ["Health checks and `/metrics` do not count."],
    parse: rateLimit,
  },
  rateLimitPerKey: {
    name: "RATE_LIMIT_PER_KEY",
    fallback: "off",
    help: "Rate limit for the requests with one API key.",
    values: RATE,
    unit: RATE_UNIT,
    parse: rateLimit,
  },
  rateLimitFailedAuth: {
    name: "RATE_LIMIT_FAILED_AUTH",
    fallback: "10000/1m",
    help: "Rate limit for wrong signatures of one address. Further ones get 429 instead of 401.",
    values: RATE,
    unit: RATE_UNIT,
    details: ["Wrong API keys are counted separately. A correct signature or key always passes."],
    parse: rateLimit,
  },
};

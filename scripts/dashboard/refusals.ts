import { of, type Panel, rate } from "./panel.ts";
import { RESULT_COLOURS } from "./receiving.ts";

const ERRORS = of("http_requests_total", `status=~"[45].."`);
const rise = `increase(${ERRORS}[$__range])`;
/**
 * `increase` counts from the second sample of a series. If a series began within the time range,
 * its first value counts too.
 */
const first = `(min_over_time(${ERRORS}[$__range]) unless ${ERRORS} offset $__range)`;
const byRoute = `sum by (method, path, status) (${rise} + ${first} or ${rise})`;

/** Requests that were refused, and why. */
export const REFUSALS: readonly Panel[] = [
  {
    type: "table",
    title: "Most frequent errors",
    unit: "short",
    width: 12,
    decimals: 0,
    see: "log.md",
    about:
      "Requests answered 4xx or 5xx in the time range; unmatched are paths without a route. " +
      "5xx: the log lines with that status have the error. 401 on /webhook: a wrong secret. " +
      "422: a sender whose messages break the rules; its answers say which.",
    queries: [
      // Without errors the table says so.
      {
        expr: `topk(20, ${byRoute} > 0) or label_replace(vector(0), "path", "none", "", "")`,
        instant: true,
      },
    ],
    columns: { status: "Status", method: "Method", path: "Route", Value: "Requests" },
  },
  {
    title: "Refused webhooks",
    unit: "reqps",
    width: 12,
    see: "metrics.md",
    stacked: true,
    about:
      "invalid_signature: another secret, a proxy that changes bodies, or a forged request. " +
      "validation_error, too_large, unsupported: a sender with the secret breaks the rules. " +
      "unavailable: the database or a queue. error: a fault, or incomplete requests.",
    queries: [
      {
        expr: `sum by (result) (${rate("webhook_requests_total", `result!~"created|duplicate"`)})`,
        legend: "{{result}}",
      },
    ],
    colours: RESULT_COLOURS,
  },
  {
    title: "Answered 429, by limit",
    unit: "reqps",
    width: 12,
    see: "limits.md#rate-limits",
    stacked: true,
    about:
      "failed_signature and failed_key: an attacker guesses, or a sender has the wrong " +
      "secret. sender, ip and key: a limit is too low, or a client sends too much.",
    queries: [{ expr: `sum by (limit) (${rate("rate_limited_total")})`, legend: "{{limit}}" }],
  },
  {
    title: "Checks of API keys",
    unit: "reqps",
    width: 12,
    see: "keys-and-secrets.md#api-keys",
    stacked: true,
    about:
      "unauthorized rises: a key has expired or was revoked, or an attacker guesses. " +
      "forbidden: a key of too small a scope.",
    queries: [{ expr: `sum by (result) (${rate("api_key_checks_total")})`, legend: "{{result}}" }],
    colours: { ok: "green", unauthorized: "orange", forbidden: "yellow" },
  },
];

import { nodeFetch } from "../../../client/client.ts";
import { signedCurl } from "../sending/signed-curl.ts";

const ANSWER_MS_MAX = 5_000;
const result = (name: string) => `webhook_requests_total{result="${name}"}`;
/**
 * The counters in the report, in this order: the metric, its label in the report, and its meaning.
 */
const OUTCOMES: readonly (readonly [string, string, string])[] = [
  [result("created"), "created", "stored"],
  [result("duplicate"), "duplicate", "sent again: stored only once"],
  [
    "webhook_conflicts_total",
    "conflict",
    "duplicates with other content: the first message is kept",
  ],
  [result("invalid_signature"), "invalid_signature", "wrong signature: refused with 401"],
  [
    result("validation_error"),
    "validation_error",
    "signed, but not a valid message: refused with 422",
  ],
];

export interface DemoReportOptions {
  readonly url: string;
  readonly secret: string;
  /** An admin key, which signs in to the dashboard. */
  readonly key: string;
  readonly nowMs: number;
  /** The speed of the load, in words. */
  readonly speed: string;
  readonly logPath: string;
}

/** The report of the demo, from the metrics of the service, and what to try next. */
export async function demoReport({
  url,
  secret,
  key,
  nowMs,
  speed,
  logPath,
}: DemoReportOptions): Promise<string> {
  const fetch = nodeFetch();
  const get = async (path: string) =>
    (await fetch(url + path, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })).text();
  const metrics = await get("/metrics");
  const outcomes = OUTCOMES.map(([metric, name, meaning]) =>
    row(sample(metrics, metric), name, meaning),
  );
  return [
    `\n${speed}\n`,
    ...outcomes,
    `\nGET ${url}/stats`,
    pretty(JSON.parse(await get("/stats"))),
    `\nGET ${url}/messages?limit=1`,
    pretty(JSON.parse(await get("/messages?limit=1"))),
    `\nDashboard: ${url}/ui/#/sign-in?key=${key}`,
    "\nLook around:",
    ...["/docs", "/messages?limit=10", "/messages?q=%F0%9F%99%8F", "/stats", "/metrics"].map(
      (path) => `  ${url}${path}`,
    ),
    "\nSend a message:",
    signedCurl({ url, secret, nowMs }),
    "\nFrom now on one or two messages a second are sent.",
    `The log is ${logPath}. Ctrl-C stops the service and removes everything.\n`,
  ].join("\n");
}

/** The value of one sample in Prometheus's text format. */
function sample(metrics: string, name: string): string {
  const line = metrics.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return line?.slice(name.length + 1) ?? "?";
}

function row(count: string, name: string, meaning: string): string {
  return `${count.padStart(8)}  ${name.padEnd(18)} ${meaning}`;
}

/**
 * Formats JSON with one line for each member and each list element: complete, and short enough for
 * a screen.
 */
function pretty(value: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(value).map(([name, member]) => {
    const elements =
      Array.isArray(member) &&
      member.map((element) => `    ${JSON.stringify(element)}`).join(",\n");
    return `  ${JSON.stringify(name)}: ${elements ? `[\n${elements}\n  ]` : JSON.stringify(member)}`;
  });
  return `{\n${members.join(",\n")}\n}`;
}

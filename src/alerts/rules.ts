import type { AlertRule } from "../runtime.ts";
import type { Figures } from "./figures.ts";

/** With fewer requests a minute, one failure would be a large share. */
const REQUESTS_MIN = 10;
const FAILED_SHARE_FIRES = 0.05;
const FAILED_SHARE_ENDS = 0.01;
const QUEUE_MS_FIRES = 2_000;
const QUEUE_MS_ENDS = 500;
const MIB = 1_048_576;
const FREE_BYTES_FIRES = 256 * MIB;
const FREE_BYTES_ENDS = 384 * MIB;
const FREE_SHARE_FIRES = 0.05;
const FREE_SHARE_ENDS = 0.075;
/** With more free space than this, even a small share of a large disk is enough. */
const FREE_BYTES_PLENTY = 50 * 1_024 * MIB;

/** The result of one evaluation. `between` is too good to start an alert and too bad to end it. */
export type RuleEvaluation =
  | { readonly kind: "bad"; readonly summary: string }
  | { readonly kind: "between" }
  | { readonly kind: "well" };

export interface Rule {
  readonly name: AlertRule;
  readonly severity: "critical" | "error" | "warning";
  /** Advice for the operator on call. */
  readonly advice: string;
  readonly evaluate: (figures: Figures) => RuleEvaluation;
  /** Rules that report the same fault more precisely. */
  readonly followsFrom?: readonly AlertRule[];
}

const OK: RuleEvaluation = { kind: "well" };
const BETWEEN: RuleEvaluation = { kind: "between" };

/** All built-in alerts, the most urgent first. */
export const RULES: readonly Rule[] = [
  {
    name: "not_ready",
    severity: "critical",
    advice:
      "GET /health/ready and the log say why. Until it is ready, senders get 503 or 401, and send again.",
    evaluate: ({ notReady }) => (notReady === null ? OK : bad(`cannot take messages: ${notReady}`)),
  },
  {
    name: "error_ratio",
    severity: "critical",
    advice:
      "Log lines of level ERROR have the reason in `error` or `shed`. Senders have to send the webhooks that got 5xx again.",
    evaluate: errorRatio,
    followsFrom: ["not_ready"],
  },
  {
    name: "queue_age",
    severity: "error",
    advice:
      "Messages arrive faster than the database stores them. Look at commit_duration_seconds, at its disk and at other programs that lock it.",
    evaluate: ({ queueAgeMs }) => {
      if (queueAgeMs < QUEUE_MS_ENDS) return OK;
      if (queueAgeMs < QUEUE_MS_FIRES) return BETWEEN;
      return bad(`messages wait ${(queueAgeMs / 1_000).toFixed(1)} s to be stored`);
    },
    followsFrom: ["not_ready", "error_ratio"],
  },
  {
    name: "disk_nearly_full",
    severity: "error",
    advice:
      "Free some space on the disk of the database, or enlarge it. When it is full, every message is answered with 503.",
    evaluate: diskNearlyFull,
  },
  {
    name: "silence",
    severity: "warning",
    advice:
      "Check whether the sender still sends, and to which address. The service itself may be fine.",
    evaluate: ({ silence: { ms, hasReceived, msMax, unusual } }) => {
      if (ms === undefined) return OK;
      // A restart during the silence does not end it.
      if (ms < msMax) return hasReceived ? OK : BETWEEN;
      return unusual
        ? bad(
            `no message for ${Math.floor(ms / 60_000)} minutes, although this is usually a busy time`,
          )
        : BETWEEN;
    },
  },
];

/**
 * One fault causes one page: a rule does not start to fire while its cause is bad. It can still
 * end.
 */
export function evaluateRule(rule: Rule, figures: Figures): RuleEvaluation {
  const evaluation = rule.evaluate(figures);
  const causes = RULES.filter(({ name }) => rule.followsFrom?.includes(name));
  const isCaused = causes.some((cause) => cause.evaluate(figures).kind === "bad");
  return evaluation.kind === "bad" && isCaused ? BETWEEN : evaluation;
}

function bad(summary: string): RuleEvaluation {
  return { kind: "bad", summary };
}

/** Fires for failures of the last minute that have not stopped. */
function errorRatio({ lastMinute, justNow }: Figures): RuleEvaluation {
  if (justNow.failed <= justNow.answered * FAILED_SHARE_ENDS) return OK;
  const share = lastMinute.failed / lastMinute.answered;
  if (lastMinute.answered < REQUESTS_MIN || share < FAILED_SHARE_FIRES) return BETWEEN;
  return bad(
    `${Math.round(share * 100)} % of the webhooks of the last minute were answered with 5xx`,
  );
}

function diskNearlyFull({ disk }: Figures): RuleEvaluation {
  if (disk === undefined) return BETWEEN;
  const { freeBytes, sizeBytes } = disk;
  const scarce = (bytes: number, share: number) =>
    freeBytes < bytes || (freeBytes < FREE_BYTES_PLENTY && freeBytes < sizeBytes * share);
  if (!scarce(FREE_BYTES_ENDS, FREE_SHARE_ENDS)) return OK;
  if (!scarce(FREE_BYTES_FIRES, FREE_SHARE_FIRES)) return BETWEEN;
  const share = ((freeBytes / sizeBytes) * 100).toFixed(1);
  return bad(`the disk of the database has ${Math.floor(freeBytes / MIB)} MiB left, ${share} %`);
}

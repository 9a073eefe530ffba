import type { AlertRule } from "../observe/metrics.ts";
import type { Figures } from "./figures.ts";
import type { Verdict } from "./hysteresis.ts";

/** With fewer in a minute, one that failed would be a large share. */
const REQUESTS_MIN = 10;
const FAILED_SHARE_BAD = 0.05;
const FAILED_SHARE_WELL = 0.01;
const QUEUE_MS_BAD = 2_000;
const QUEUE_MS_WELL = 500;
const MIB = 1_048_576;
const FREE_BYTES_BAD = 256 * MIB;
const FREE_BYTES_WELL = 384 * MIB;
const FREE_SHARE_BAD = 0.05;
const FREE_SHARE_WELL = 0.075;
/** A twentieth of a large disk is no reason to wake anybody. */
const FREE_BYTES_PLENTY = 50 * 1_024 * MIB;

export interface Rule {
  readonly name: AlertRule;
  readonly severity: "critical" | "error" | "warning";
  /** For whoever is woken. */
  readonly whatToDo: string;
  readonly judge: (figures: Figures) => Verdict;
  /** Rules that the same fault makes bad, and that say more of it. */
  readonly followsFrom?: readonly AlertRule[];
}

const WELL: Verdict = { kind: "well" };
const BETWEEN: Verdict = { kind: "between" };

/** Everything that is told of, the most pressing first. */
export const RULES: readonly Rule[] = [
  {
    name: "not_ready",
    severity: "critical",
    whatToDo: "GET /health/ready says why, and the log. Senders get 503 or 401 meanwhile, and send again.",
    judge: ({ notReady }) => (notReady === null ? WELL : bad(`cannot take messages: ${notReady}`)),
  },
  {
    name: "error_ratio",
    severity: "critical",
    whatToDo:
      "Lines of level ERROR in the log have the reason in `error` or `shed`. Senders have to send again what was answered 5xx.",
    judge: errorRatio,
    followsFrom: ["not_ready"],
  },
  {
    name: "queue_age",
    severity: "error",
    whatToDo:
      "The database takes messages slower than they come in: look at commit_duration_seconds, its disk and who else locks it.",
    judge: ({ queueAgeMs }) => {
      if (queueAgeMs < QUEUE_MS_WELL) return WELL;
      if (queueAgeMs < QUEUE_MS_BAD) return BETWEEN;
      return bad(`messages wait ${(queueAgeMs / 1_000).toFixed(1)} s to be stored`);
    },
    followsFrom: ["not_ready", "error_ratio"],
  },
  {
    name: "disk_nearly_full",
    severity: "error",
    whatToDo: "Make room on the disk of the database, or enlarge it. When it is full, every message is answered 503.",
    judge: diskNearlyFull,
  },
  {
    name: "silence",
    severity: "warning",
    whatToDo: "Ask whether the sender still sends, and where to. The service itself may be well.",
    judge: ({ silence: { ms, heard, msMax, unusual } }) => {
      if (ms === undefined) return WELL;
      // A process that began in the silence has not ended it.
      if (ms < msMax) return heard ? WELL : BETWEEN;
      return unusual
        ? bad(`no message for ${Math.floor(ms / 60_000)} minutes, though usually there are some now`)
        : BETWEEN;
    },
  },
];

/** One fault is one page: a rule does not begin to fire while one that it follows from is bad. What it has begun it also ends. */
export function verdictOf(rule: Rule, figures: Figures): Verdict {
  const verdict = rule.judge(figures);
  const causes = RULES.filter(({ name }) => rule.followsFrom?.includes(name));
  return verdict.kind === "bad" && causes.some((cause) => cause.judge(figures).kind === "bad") ? BETWEEN : verdict;
}

function bad(summary: string): Verdict {
  return { kind: "bad", summary };
}

/** Failures of the last minute that still go on: those of a few seconds are over before anybody is woken. */
function errorRatio({ lastMinute, justNow }: Figures): Verdict {
  if (justNow.failed <= justNow.answered * FAILED_SHARE_WELL) return WELL;
  const share = lastMinute.failed / lastMinute.answered;
  if (lastMinute.answered < REQUESTS_MIN || share < FAILED_SHARE_BAD) return BETWEEN;
  return bad(`${Math.round(share * 100)} % of the webhooks of the last minute were answered 5xx`);
}

function diskNearlyFull({ disk }: Figures): Verdict {
  if (disk === undefined) return BETWEEN;
  const { freeBytes, sizeBytes } = disk;
  const scarce = (bytes: number, share: number) =>
    freeBytes < bytes || (freeBytes < FREE_BYTES_PLENTY && freeBytes < sizeBytes * share);
  if (!scarce(FREE_BYTES_WELL, FREE_SHARE_WELL)) return WELL;
  if (!scarce(FREE_BYTES_BAD, FREE_SHARE_BAD)) return BETWEEN;
  const share = ((freeBytes / sizeBytes) * 100).toFixed(1);
  return bad(`the disk of the database has ${Math.floor(freeBytes / MIB)} MiB left, ${share} %`);
}

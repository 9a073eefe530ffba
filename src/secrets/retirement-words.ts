import { durationInWords } from "../domain/duration.ts";
import { answerOf, RETRY_DAYS, type Retirement, type RetirementDecision } from "./retirement.ts";

/** A sentence that begins with the short answer. */
export function retirementInWords({ decision, process }: Retirement): string {
  const sentence = `${answerOf(decision)}: ${reasonInWords(decision)}`;
  return process === undefined ? sentence : `${sentence} (in the process ${process})`;
}

function reasonInWords(decision: RetirementDecision): string {
  switch (decision.kind) {
    case "not_accepted":
      return "no running process accepts it";
    case "same_secret":
      return `${decision.name} is the same secret`;
    case "replaced":
      return (
        `another secret has verified messages since, and this one none for ${durationInWords(decision.unusedMs)} ` +
        `(senders try again for up to ${RETRY_DAYS} days)`
      );
    case "new":
      return `it is new and has verified nothing so far; check again after ${minute(decision.untilMs)}`;
    case "not_accepted_yet":
      return "it is new, and running processes accept it within seconds; check again in a minute";
    case "retries":
      return (
        `${verified(decision.unusedMs)}, and senders try again ` +
        `for up to ${RETRY_DAYS} days, until ${minute(decision.untilMs)}`
      );
    case "only_one":
      return "it is the only one, and without it every webhook is refused";
    case "others_end":
      return "every other secret expires";
    case "in_use":
      return verified(decision.unusedMs);
    case "not_replaced": {
      const before = decision.unusedMs === undefined ? "" : `${verified(decision.unusedMs)}, and `;
      return `${before}no other secret has verified a message since`;
    }
    case "ended":
      return "it is refused";
    case "unreadable":
      return "MASTER_KEY is not set, or not the key that it is encrypted with";
  }
}

function verified(unusedMs: number): string {
  return `it verified a message ${durationInWords(unusedMs)} ago`;
}

/** A moment to the minute, such as 2025-01-15T10:00Z, or `otherwise` when there is none. */
export function minute(ms: number | undefined, otherwise = ""): string {
  return ms === undefined ? otherwise : `${new Date(ms).toISOString().slice(0, 16)}Z`;
}

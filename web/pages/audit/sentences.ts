import type { AuditEntry } from "../../api/audit.ts";
import { audit as t } from "../../text/en/audit.ts";
import { counted, fill } from "../../text/words.ts";

// An entry of the audit in words.

const KEY_ACTOR = "key:";

/** What was done, as a sentence. An action that this page does not know is named as it is. */
export function sentenceOf({ action, subject }: AuditEntry): string {
  const known: Readonly<Record<string, string>> = t.actions;
  const sentence = known[action];
  if (sentence === undefined) return [action, subject].filter((word) => word !== "").join(" ");
  return fill(sentence, { subject });
}

/** The client or process that did it. Keys are named as the page of API keys names them. */
export function actorOf({ actor }: AuditEntry): string {
  if (actor === "cli") return t.byCommand;
  if (actor === "service") return t.byService;
  return actor.startsWith(KEY_ACTOR) ? actor.slice(KEY_ACTOR.length) : actor;
}

/** The details that a reader needs. Ids are left out: the raw entry has them. */
export function detailsOf(entry: AuditEntry, moment: (at: number) => string): readonly string[] {
  const { details, subject } = entry;
  const text = (name: string) => (typeof details[name] === "string" ? details[name] : undefined);
  const at = (name: string, sentence: string) => {
    const when = Date.parse(text(name) ?? "");
    return Number.isNaN(when) ? undefined : fill(sentence, { when: moment(when) });
  };
  const messages =
    typeof details.messages === "number" ? counted(t.messages, details.messages) : undefined;
  switch (entry.action) {
    case "key.created": {
      const may = text("scope") === "admin" ? t.mayAdminister : t.mayRead;
      return [may, at("expires_at", t.ends) ?? t.neverEnds];
    }
    case "key.rotated":
      return present(at("old_retires_at", t.oldEnds));
    case "secret.retired":
      return present(at("retires_at", t.refusedFrom));
    case "sender.erased":
      return present(messages, details.finished === false ? t.unfinished : undefined);
    case "retention.ran":
      return present(messages, at("received_before", t.receivedBefore));
    case "test_message.sent":
    case "test_message.signed":
      return present(subject);
    default:
      return entry.action in t.actions
        ? []
        : Object.entries(details).map(([name, value]) => `${name}: ${value}`);
  }
}

function present(...parts: readonly (string | undefined)[]): readonly string[] {
  return parts.filter((part) => part !== undefined && part !== "") as readonly string[];
}

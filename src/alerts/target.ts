import type { AlertTarget } from "../observe/metrics.ts";
import type { PostResult } from "./post.ts";
import type { Rule } from "./rules.ts";

/** That something fires or does no more, for somebody outside. */
export interface AlertMessage {
  readonly event: "trigger" | "resolve";
  /** The same for everything about one rule of one installation, whichever process tells it. */
  readonly key: string;
  readonly rule: { readonly name: string } & Pick<Rule, "severity" | "whatToDo">;
  readonly summary: string;
  /** When it began. */
  readonly sinceMs: number;
  readonly nowMs: number;
}

/** Somebody outside who is told. */
export interface Target {
  readonly name: AlertTarget;
  /** Whether what is told twice is one incident there. */
  readonly mergesRepeats: boolean;
  /** What a person should look at when it refuses. */
  readonly whenRefused: string;
  tell(message: AlertMessage, signal: AbortSignal): Promise<PostResult>;
}

import type { ComponentChildren } from "preact";
import type { Resource } from "../state/resource.ts";
import { Skeleton } from "./notes.tsx";
import { FailureNote, TroubleLine } from "./trouble.tsx";

interface AnswerProps<T> {
  readonly of: Resource<T>;
  /** How many grey rows stand in its place at first. */
  readonly rows: number;
  readonly children: (value: T) => ComponentChildren;
}

/** What was asked for, or its skeleton, or why it is not there. Trouble leaves the last answer. */
export function Answer<T>({ of, rows, children }: AnswerProps<T>) {
  const { value, failure } = of;
  const kind = failure?.kind;
  if (failure !== undefined && (kind === "forbidden" || kind === "not_found" || kind === "refused"))
    return <FailureNote failure={failure} />;
  return (
    <>
      <TroubleLine {...of} />
      {value === undefined ? <Skeleton rows={rows} /> : children(value)}
    </>
  );
}

import Type from "typebox";
import { LIMIT_DEFAULT, LIMIT_MAX, SEARCH_CODE_POINTS_MAX } from "../domain/message-query.ts";

const MOMENT =
  "a timestamp with Z or another offset, without one (UTC), with or without seconds, or a date, which is its midnight in UTC";

/** The span of time of a list or a timeline, for the documentation. */
export const SpanParameters = {
  since: Type.Optional(Type.String({ description: `At or after this moment: ${MOMENT}.` })),
  until: Type.Optional(Type.String({ description: `Before this moment: ${MOMENT}.` })),
};

export const FromParameter = {
  from: Type.Optional(Type.String({ description: "The exact sender. Digits alone get their + back." })),
};

/** Which messages, and from which end. */
export const ListParameters = {
  ...FromParameter,
  to: Type.Optional(Type.String({ description: "The exact receiver. Digits alone get their + back." })),
  source: Type.Optional(Type.String({ description: "The exact source: the route they came in by, `native` for one." })),
  ...SpanParameters,
  q: Type.Optional(
    Type.String({
      maxLength: SEARCH_CODE_POINTS_MAX,
      description: `A literal part of the text, without regard to case and compared in NFC, of at most ${SEARCH_CODE_POINTS_MAX} code points.`,
    }),
  ),
  order: Type.Optional(
    Type.String({
      enum: ["asc", "desc"],
      default: "asc",
      description: "`asc` begins with the oldest, `desc` with the newest.",
    }),
  ),
};

/** Which part of a list. */
export const PageParameters = {
  limit: Type.Optional(
    Type.Integer({
      default: LIMIT_DEFAULT,
      description: `1 to ${LIMIT_MAX}; others are clamped, and the answer has the effective one.`,
    }),
  ),
  offset: Type.Optional(Type.Integer({ default: 0, description: "How many to pass over. Ignored with a cursor." })),
};

import Type from "typebox";
import type { StoredMessage } from "../store/store.ts";

/** A message as every route tells it. `from_msisdn` and `to_msisdn` are what the older service's clients may read. */
export function messageBody({ messageId, from, to, ts, text, createdAt }: StoredMessage) {
  return { message_id: messageId, from, to, ts, text, created_at: createdAt, from_msisdn: from, to_msisdn: to };
}

export const MessageBodySchema = Type.Object({
  message_id: Type.String(),
  from: Type.String(),
  to: Type.String(),
  ts: Type.String({ description: "As it was sent." }),
  text: Type.Union([Type.String(), Type.Null()]),
  created_at: Type.String({ description: "When it was received." }),
  from_msisdn: Type.String(),
  to_msisdn: Type.String(),
});

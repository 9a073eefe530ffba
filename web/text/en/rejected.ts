export const rejected = {
  title: "Rejected",
  since: "Since {moment}, of this service, which counts from its start.",
  summary: {
    one: "{n} request: {created} stored, {duplicate} stored before, {refused} refused.",
    other: "{n} requests: {created} stored, {duplicate} stored before, {refused} refused.",
  },
  noRequest: "No sender has asked yet.",
  reason: "Reason",
  count: "Requests",
  meaning: "What it means",
  advice: "What to do",
  nothingRefused: "Nothing was refused",
  never: "None: {reasons}.",
  sources: "Secrets of the sources",
  other: "A reason that this page does not know. The documentation of the API has it.",
} as const;

interface ResultText {
  readonly meaning: string;
  readonly advice: string;
}

/** Each counter of `/overview`: what it means, and what to do. */
export const resultTexts: Readonly<Record<string, ResultText>> = {
  invalid_signature: {
    meaning: "The bytes were not signed with a secret of this service, so nothing was read.",
    advice:
      "Compare the secrets of both sides. A proxy that changes bodies breaks signatures too. Strangers who try the address are counted here too.",
  },
  validation_error: {
    meaning: "Signed, but not a message: a field is missing or wrong.",
    advice: "The answer names the field. Ask the sender for its answers, or look at its log.",
  },
  too_large: {
    meaning: "The body is larger than MAX_BODY_BYTES.",
    advice: "Ask the sender for smaller requests, or raise the limit.",
  },
  unsupported: {
    meaning: "The body has a content encoding, such as gzip.",
    advice: "Let the sender send it uncompressed.",
  },
  rate_limited: {
    meaning: "A rate limit was reached. The answer says when to send again.",
    advice: "Senders that heed Retry-After lose nothing. Otherwise raise the limit.",
  },
  unavailable: {
    meaning: "The database could not store it at that time. The answer was 503.",
    advice: "Senders send it again. Health says what the database lacks.",
  },
  error: {
    meaning: "An error of the service itself. The answer was 500.",
    advice: "Look at the log: lines of level ERROR have the cause.",
  },
  duplicate: {
    meaning: "Sent again, stored once. Nothing is lost.",
    advice: "Nothing. Senders repeat what they got no answer to.",
  },
  conflict: {
    meaning: "The same id with other content. The first content is kept.",
    advice: "The sender uses an id twice. The log has the ids.",
  },
};

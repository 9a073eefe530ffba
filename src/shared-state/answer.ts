import { hash } from "node:crypto";

/** 132 bits. */
const TAG_CHARACTERS = 22;

/** A text, and a short one that differs whenever the text does. */
export interface Answer {
  readonly text: string;
  readonly tag: string;
}

export function answerOf(text: string): Answer {
  return { text, tag: hash("sha256", text, "base64url").slice(0, TAG_CHARACTERS) };
}

export const once = {
  shownOnce: "It is shown only now. Keep it in a safe place before you go on.",
  kept: "I have kept it",
} as const;

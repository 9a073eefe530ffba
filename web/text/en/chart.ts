export const chart = {
  hint: "Arrow keys read the bars, Enter shows the messages of one.",
} as const;

export const testMessage = {
  send: "Send a test message",
  copySigned: "Copy signed curl",
  sent: "A test message was sent.",
} as const;

export const exports = {
  title: "Exports",
  intro: "Every message of a list as one file. Without a filter that is all of them.",
  format: "Format",
  ndjson: "NDJSON",
  ndjsonHint: "One JSON object a line, as in the API.",
  csv: "CSV",
  csvHint: "For spreadsheets. A cell that looks like a formula gets an apostrophe in front.",
  size: {
    one: "{n} message, about {size}",
    other: "{n} messages, about {size}",
  },
  none: "No message matches.",
  download: "Download",
  broken: "If the connection drops, the file is incomplete: download it again.",
  curl: "The same with curl. Set LYFTR_KEY to your API key before:",
  curlOpen: "The same with curl:",
} as const;

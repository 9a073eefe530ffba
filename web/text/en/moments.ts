export const moment = {
  today: "Today, {day}",
  yesterday: "Yesterday, {day}",
} as const;

export const quantity = {
  milliseconds: "{n} ms",
  seconds: "{n} s",
  minutes: "{n} min",
  hours: "{n} h",
  days: "{n} days",
  bytes: "{n} B",
  kilobytes: "{n} kB",
  megabytes: "{n} MB",
  gigabytes: "{n} GB",
  terabytes: "{n} TB",
} as const;

export const ago = {
  now: "now",
  past: "{duration} ago",
  future: "in {duration}",
} as const;

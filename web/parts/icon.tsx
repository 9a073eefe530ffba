// Every icon, drawn in a box of 20 by 20 with a line of 1.6.

const PATHS = {
  overview: "M3 11.5h3.5l2-6 3.5 10 2-4H17",
  inbox: "M3 11.5 5.2 4.6h9.6L17 11.5v4H3zM3 11.5h4l1 2h4l1-2h4",
  senders:
    "M7.5 9.5a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM2.5 16.2c.3-2.8 2.2-4.3 5-4.3s4.7 1.5 5 4.3M13 4.3a2.6 2.6 0 0 1 0 4.9M14.6 12.3c1.7.5 2.7 1.8 2.9 3.9",
  rejected: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM5.2 5.2l9.6 9.6",
  sources: "M7 3v4M13 3v4M5 7h10v2.5a5 5 0 0 1-10 0zM10 14.5V18",
  keys: "M7 13a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM10.3 9.5H17.5v3M14.5 9.5v2.5",
  exports: "M10 3v9.5M6 9l4 3.8L14 9M3.5 16.5h13",
  audit: "M5 3h10v14H5zM7.5 7h5M7.5 10h5M7.5 13h3",
  health:
    "M10 16.5C5.5 13.3 3 10.8 3 7.8a3.6 3.6 0 0 1 7-1.3 3.6 3.6 0 0 1 7 1.3c0 3-2.5 5.5-7 8.7z",
  search: "M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4 4",
  close: "M5 5l10 10M15 5L5 15",
  up: "M10 16V4.5M5 9.5l5-5 5 5",
  down: "M10 4v11.5M5 10.5l5 5 5-5",
  copy: "M7 7h9v9.5H7zM4 13V3.5h9",
  check: "M4 10.5l4 4 8-9",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  external: "M11 4h5v5M16 4l-7.5 7.5M14 11.5V16H4V6h4.5",
  signOut: "M8 4H4v12h4M12.5 6.5 16 10l-3.5 3.5M16 10H8",
  display: "M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4",
  docs: "M4 3.5h8.5L16 7v9.5H4zM12 3.5V7h4",
  code: "M7 6l-4 4 4 4M13 6l4 4-4 4",
  chat: "M3.5 4.5h13v9h-7L6 16.5v-3H3.5z",
  send: "M17 3 9 11M17 3l-5 14-3-6-6-3z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

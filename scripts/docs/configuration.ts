import type { Variable } from "../../src/config/variable.ts";
import { VARIABLE_GROUPS } from "../../src/config/variables.ts";
import { code, GENERATED, list, page, paragraph, table } from "./markdown.ts";

const INTRODUCTION = [
  paragraph(
    "This page lists every environment variable of `lyftr serve`. The other commands read those that concern them. " +
      "`lyftr check-config` shows the resulting configuration without its secrets, or every problem at once with " +
      "exit code 2.",
  ),
  "## How values are read",
  list([
    "**A file instead of a value.** `NAME_FILE` is the path of a file that contains the value of `NAME`. It works for " +
      "every variable on this page. One line end at the end of the file is dropped. Setting both is an error.",
    "**A `.env` file** in the working directory adds variables that are not set. It overrides nothing. In it, a value " +
      "that contains `#` needs quotes. `NAME value`, `NAME: value` and `set NAME=value` are refused.",
    "**An empty value** is the same as no value.",
    "**Blanks, line ends and quotes** around a value are dropped. So the line end of a Kubernetes Secret made with " +
      "`echo`, and quotes that `docker --env-file` keeps, do no harm. A line end inside a value is refused.",
    "**Secrets keep their bytes** (`WEBHOOK_SECRET`, `WEBHOOK_SECRET_PREVIOUS`, `MASTER_KEY`, `ADMIN_API_KEY`): only " +
      "one line end at the end of a file is dropped. A secret that begins or ends with a blank, an invisible " +
      "character or a quote, is shorter than 16 characters, or consists of words or a pattern, causes a warning at " +
      "the start and in `lyftr check-config`.",
    "**Files** (`NAME_FILE`, `.env`, certificates in a PostgreSQL URL) must be regular files of UTF-8 text of at most " +
      "64 KiB (certificates: 4 MiB). A pipe, a device, a byte order mark or a NUL byte is refused.",
  ]),
];

const OTHERS = [
  "## Other variables",
  table(
    ["variable", "read by", "what it does"],
    [
      [
        "`COPY_FROM`, `COPY_TO`",
        "`lyftr copy`",
        "The source and the target, as `DATABASE_URL`. `COPY_FROM_FILE` and `COPY_TO_FILE` work too.",
      ],
      [
        "`SQLITE_TMPDIR`, `TMPDIR`",
        "SQLite",
        "The folder for temporary files, when a sort does not fit the cache. The image sets `SQLITE_TMPDIR=/data`.",
      ],
      [
        "`PGPASSWORD`",
        "the PostgreSQL driver",
        "The password, when the URL contains none. `~/.pgpass` works too.",
      ],
      [
        "`NODE_EXTRA_CA_CERTS`",
        "Node.js",
        "A file of further certificate authorities, for example private ones.",
      ],
    ],
  ),
  paragraph(
    "One of `SQLITE_TMPDIR`, `TMPDIR`, `/var/tmp` and `/tmp` must be writable. SQLite reports a missing folder as an " +
      "I/O error, and the service ends on I/O errors.",
  ),
];

/** docs/configuration.md, from the tables of variables. */
export function configurationPage(): string {
  const groups = Object.entries(VARIABLE_GROUPS).map(
    ([title, group]) => [title, Object.values(group) as readonly Variable<unknown>[]] as const,
  );
  return page(
    GENERATED,
    "# Configuration",
    ...INTRODUCTION,
    "## Overview",
    table(
      ["variable", "default", "what it does"],
      groups.flatMap(([, group]) => group.map(overviewRow)),
    ),
    ...groups.flatMap(([title, group]) => [`## ${title}`, ...group.flatMap(section)]),
    ...OTHERS,
  );
}

function overviewRow(variable: Variable<unknown>): readonly string[] {
  const { name, help } = variable;
  return [`[${code(name)}](#${name.toLowerCase()})`, defaultOf(variable), help];
}

function section(variable: Variable<unknown>): readonly string[] {
  const { name, help, details = [], values, unit, secret } = variable;
  const facts = [
    `Default: ${defaultOf(variable)}`,
    `Values: ${values}`,
    ...(unit === undefined ? [] : [`Unit: ${unit}`]),
    `From a file: ${code(`${name}_FILE`)}`,
    ...(secret ? ["Secret: it is never shown or logged"] : []),
  ];
  return [`### ${name}`, ...[help, ...details].map(paragraph), list(facts)];
}

function defaultOf({ fallback }: Variable<unknown>): string {
  return fallback === undefined ? "none" : code(fallback);
}

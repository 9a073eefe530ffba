import type { Control } from "../controls.ts";

/** Ways to build the service wrong that power cuts must notice. */
export const POWER_CUT_CONTROLS: Readonly<Record<string, Control>> = {
  "synchronous-normal": {
    what: "SQLite does not fsync its log in a commit, and the service does not read that back",
    replacements: [
      {
        file: "store/sqlite/connection.ts",
        from: "PRAGMA synchronous = FULL;",
        to: "PRAGMA synchronous = NORMAL;",
      },
      {
        file: "store/sqlite/connection.ts",
        from: "synchronous !== 2)",
        to: "synchronous !== 1)",
      },
    ],
  },
  "read-index-not-reconciled": {
    what: "nothing notices that a deletion was committed in the messages and not in the read index",
    replacements: [
      {
        file: "store/sqlite/reads/snapshot.ts",
        from: "!== deletions) return BETWEEN;",
        to: "< 0) return BETWEEN;",
      },
      {
        file: "store/sqlite/index/index-messages.ts",
        from: "if (!isInSync(statements)) rebuild(statements.db);",
        to: "",
      },
      {
        file: "store/sqlite/index/connection.ts",
        from: "if (!fits(statements)) {",
        to: 'if (statements.number("PRAGMA read_index.user_version") === 0) {',
      },
    ],
  },
  "backup-in-place": {
    what: "a backup is written under its own name, not renamed when it is complete",
    replacements: [
      {
        file: "store/sqlite/backup.ts",
        from: `const partial = \`\${target}.partial-\${process.pid}\`;`,
        to: "const partial = target;",
      },
    ],
  },
};

/** Ways to build the stores wrong, each in both databases. See ../controls.ts. */
export const DIFFERENTIAL_CONTROLS = {
  "cursor-repeats-a-row": {
    what: "the next page begins with the last message of the page before",
    replacements: [
      {
        file: "store/list-position.ts",
        from: "\\u0001` };",
        to: "` };",
      },
    ],
  },
  "counts-outlive-a-deletion": {
    what: "deleted messages stay in the counts",
    replacements: [
      {
        file: "store/sqlite/index/unindex-messages.ts",
        from: "UPDATE senders SET messages = messages - ? WHERE",
        to: "UPDATE senders SET messages = messages - 0 * ? WHERE",
      },
      {
        file: "store/postgres/deletion/delete-messages.ts",
        from: "addToTotals(tx, counted, -1)",
        to: "addToTotals(tx, counted, 0)",
      },
    ],
  },
  "wrong-tie-break": {
    what: "of two equally busy senders the greater number comes first",
    replacements: [
      {
        file: "store/sqlite/reads/stats.ts",
        from: "ORDER BY count DESC, msisdn LIMIT",
        to: "ORDER BY count DESC, msisdn DESC LIMIT",
      },
      {
        file: "store/postgres/reads/stats.ts",
        from: "ORDER BY count DESC, name LIMIT",
        to: "ORDER BY count DESC, name DESC LIMIT",
      },
    ],
  },
};

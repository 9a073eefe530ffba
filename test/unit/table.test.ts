import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { factsTable, tableOf } from "../../src/cli/table.ts";

const ID = "0192d5a4-6f1c-7b3e-9a55-0c7f1f2e3d4c";

test("without a terminal a table has one line per row, however long", () => {
  const rows = [
    ["NAME", "TEXT"],
    ["a", "word ".repeat(40).trim()],
  ];
  equal(tableOf(rows, undefined).split("\n").length, 3);
});

test("a table that is too wide breaks its cells between words", () => {
  const rows = [
    ["NAME", "MAY IT BE RETIRED?", "ID"],
    ["autumn", "yes: another secret has verified messages since, and this one none for 5 days", ID],
    ["w", "no", ID],
  ];
  const lines = tableOf(rows, 80).split("\n");
  for (const line of lines) ok(line.length <= 80, line);
  ok(lines.length > rows.length + 1);
  // Each word of the cell is complete.
  for (const word of (rows[1]?.[1] ?? "").split(" ")) ok(lines.join("\n").includes(word), word);
});

test("a table whose words do not fit becomes a block for each row", () => {
  const rows = [
    ["NAME", "ID", "OTHER"],
    ["a", ID, ID],
    ["b", ID, ID],
  ];
  equal(
    tableOf(rows, 60),
    `NAME   a\nID     ${ID}\nOTHER  ${ID}\n\nNAME   b\nID     ${ID}\nOTHER  ${ID}\n`,
  );
});

test("facts are broken between words under their values", () => {
  equal(
    factsTable(
      [
        ["reason", "one two three"],
        ["n", 5],
      ],
      19,
    ),
    "reason  one two\n        three\nn       5\n",
  );
});

import { deepEqual, match } from "node:assert/strict";
import { test } from "node:test";
import { complaintsAbout } from "../../scripts/prose-rules.ts";

const wide = (columns: number) =>
  "word "
    .repeat(columns)
    .slice(0, columns - 1)
    .concat("x");

test("each word that hides its actor, or is not a usual one, is found with its line", () => {
  const lines = [
    "Whoever asks is answered.",
    "It is made anew.",
    "It waits. Who waits too long gets 503.",
    "Redis is not to be had.",
    "It waits so long.",
    "So many rows wait.",
    "Meanwhile it stores.",
    "The cause thereof is unknown.",
    "The database is away.",
    "The client goes away.",
    "The service goes on.",
    "The lease is given back.",
    "The answer was broken off.",
    "It heals without a restart.",
    "It stores made-up messages.",
    "The line is no message.",
    "It is told of each message.",
    "It closes. Safe twice.",
    "A process shall end.",
    "It rises: look after Redis.",
    "Go back to the version before.",
  ];
  const found = complaintsAbout("docs/page.md", lines.join("\n"));
  deepEqual(
    found.map((complaint) => complaint.split(" ")[0]),
    lines.map((_, at) => `docs/page.md:${at + 1}`),
  );
  match(found[0] ?? "", /^docs\/page\.md:1 "Whoever": name the actor/);
});

test("usual sentences, questions, and quotations in backticks are not complained about", () => {
  const text = [
    "The client waits.",
    "Who reads this? The operator.",
    "The word `nobody` is a quotation.",
    "There is no message.",
    "It closes the commit before the next one begins.",
  ].join("\n");
  deepEqual(complaintsAbout("docs/page.md", text), []);
});

test("the texts of code are read as its comments are, but for the user nobody", () => {
  deepEqual(complaintsAbout("src/a.ts", 'const user = "nobody";'), []);
  deepEqual(complaintsAbout("src/a.ts", "// as `nobody` says").length, 0);
  deepEqual(complaintsAbout("src/a.ts", 'throw new Error("nobody waits");').length, 1);
  deepEqual(complaintsAbout("deploy/a.yml", "  summary: nobody waits").length, 1);
  deepEqual(complaintsAbout("deploy/a.ini", "; nobody waits").length, 1);
});

test("a document has at most 100 columns, counted in characters", () => {
  deepEqual(complaintsAbout("docs/page.md", wide(100)), []);
  deepEqual(complaintsAbout("docs/page.md", `${wide(100)}\n${wide(101)}`), [
    "docs/page.md:2 has 101 columns: wrap it at 100",
  ]);
  deepEqual(complaintsAbout("docs/page.md", "µ".repeat(100)), []);
  deepEqual(complaintsAbout("src/a.sql", `-- ${wide(101)}`), []);
});

test("a comment of TypeScript has at most 100 columns, and code may be wider", () => {
  deepEqual(complaintsAbout("src/a.ts", `// ${wide(97)}`), []);
  deepEqual(complaintsAbout("src/a.ts", `// ${wide(98)}`), [
    "src/a.ts:1 has 101 columns: wrap it at 100",
  ]);
  deepEqual(complaintsAbout("src/a.ts", `/** ${wide(98)} */`).length, 1);
  deepEqual(complaintsAbout("src/a.ts", ` * ${wide(98)}`).length, 1);
  deepEqual(complaintsAbout("src/a.ts", `const text = "${wide(98)}";`), []);
  deepEqual(complaintsAbout("src/a.ts", `// biome-ignore lint: ${wide(98)}`), []);
});

test("tables, code blocks and URLs may be wider", () => {
  deepEqual(complaintsAbout("docs/page.md", `| ${wide(200)} |`), []);
  deepEqual(
    complaintsAbout("docs/page.md", `  - step:\n    \`\`\`sh\n${wide(200)}\n    \`\`\`\n`),
    [],
  );
  deepEqual(
    complaintsAbout("docs/page.md", `[The specification](https://example.com/${"a".repeat(150)})`),
    [],
  );
  deepEqual(complaintsAbout("docs/page.md", `\`\`\`sh\nls\n\`\`\`\n${wide(101)}`).length, 1);
});

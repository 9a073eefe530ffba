import { writeFileSync } from "node:fs";
import { generatedPages } from "./docs/pages.ts";

// Writes the generated pages of docs/. A unit test fails when one of them is stale.
for (const [name, text] of Object.entries(await generatedPages()))
  writeFileSync(new URL(`../docs/${name}`, import.meta.url), text);

import { execFileSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

// dist/ is what the package publishes and what `npm start` serves: Node strips types in a checkout but refuses to below
// node_modules, and each database thread that strips them holds some 15 MB more.
const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
rmSync("dist", { recursive: true, force: true });
// The client is for older runtimes than the service: its configuration knows no more of the language than those do.
for (const project of ["tsconfig.build.json", "tsconfig.client.json"])
  execFileSync("node_modules/.bin/tsc", ["-p", project], { stdio: "inherit" });
const sql = ["store/sqlite/migrations", "store/sqlite/read-index/schema.sql", "store/postgres/migrations"];
for (const path of sql) cpSync(`src/${path}`, `dist/${path}`, { recursive: true });

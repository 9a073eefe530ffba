import { spawnSync } from "node:child_process";

// `npm run audit`: known vulnerabilities of the runtime dependencies, as the registry reports them.
// Ends with 1 when there are any. Not every registry supports this, and a build without a network
// cannot ask. Then nothing is audited: it says so and succeeds, unless --required is given.

const SECONDS_MAX = 120;
const NOT_AUDITED =
  "NOT AUDITED: the registry did not answer whether there are known vulnerabilities";

interface AuditReport {
  readonly metadata?: { readonly vulnerabilities?: Readonly<Record<string, number>> };
  readonly message?: string;
}

export type Verdict = { readonly kind: "clean" | "weak" | "not_audited"; readonly text: string };

/** The result of the output of `npm audit --json`. */
export function verdictOn(output: string): Verdict {
  const report = parsed(output);
  const counts = report?.metadata?.vulnerabilities;
  if (counts === undefined) {
    return {
      kind: "not_audited",
      text: report?.message === undefined ? NOT_AUDITED : `${NOT_AUDITED}: ${report.message}`,
    };
  }
  if (counts.total === 0)
    return { kind: "clean", text: "No known vulnerabilities in what runs in the service." };
  return {
    kind: "weak",
    text: `Known vulnerabilities: ${JSON.stringify(counts)}. \`npm audit --omit=dev\` names them.`,
  };
}

function parsed(output: string): AuditReport | undefined {
  try {
    return JSON.parse(output) as AuditReport;
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const { stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 1_000 * SECONDS_MAX,
  });
  const { kind, text } = verdictOn(stdout ?? "");
  (kind === "clean" ? process.stdout : process.stderr).write(`${text}\n`);
  process.exitCode =
    kind === "weak" || (kind === "not_audited" && process.argv.includes("--required")) ? 1 : 0;
}

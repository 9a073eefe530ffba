import { resolve } from "node:path";
import { VERSION } from "../app/start-up.ts";
import type { ListeningInfo } from "../app.ts";
import type { Config } from "../config.ts";
import { withoutSecrets } from "../domain/redacted-url.ts";
import { sqlitePath } from "../store/open.ts";
import { factsTable } from "./table.ts";
import { writeStderr } from "./terminal.ts";

type ShownConfig = Pick<Config, "databaseUrl" | "readAuth">;

const WIDTH_MAX = 80;

/**
 * Shows a person where the service is and how to stop it. Writes nothing unless standard error is a
 * terminal.
 */
export function showBanner(listeningInfo: ListeningInfo, config: ShownConfig): void {
  if (!process.stderr.isTTY) return;
  const width = Math.min(process.stderr.columns || WIDTH_MAX, WIDTH_MAX);
  writeStderr(`\n${bannerText(listeningInfo, config, width)}\n`);
}

export function bannerText(
  { url, listens_on, reading }: ListeningInfo,
  { databaseUrl, readAuth }: ShownConfig,
  width: number,
): string {
  const path = sqlitePath(databaseUrl);
  return factsTable(
    [
      ["Lyftr", VERSION],
      ["URL", `${url} (listens on ${listens_on})`],
      ["Dashboard", `${url}/ui/`],
      ["Docs", `${url}/docs`],
      ["Data", path === undefined ? withoutSecrets(databaseUrl) : resolve(path)],
      [
        "Reading",
        reading === "open" ? OPEN[readAuth === "open" ? "open" : "auto"] : "needs an API key",
      ],
      ["Stop", "Ctrl-C"],
    ],
    width,
  );
}

const OPEN = {
  auto: "open to every client that reaches the port. To close it: lyftr keys create --name me --scope admin",
  open: "open to every client that reaches the port, because READ_AUTH is open",
};

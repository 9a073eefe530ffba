import { cliPage } from "./cli.ts";
import { configurationPage } from "./configuration.ts";
import { httpApiPage } from "./http-api.ts";
import { reliabilityPage } from "./reliability.ts";

/** The generated pages of docs/, by file name. */
export async function generatedPages(): Promise<Readonly<Record<string, string>>> {
  return {
    "configuration.md": configurationPage(),
    "cli.md": await cliPage(),
    "http-api.md": httpApiPage(),
    "reliability.md": reliabilityPage(),
  };
}

import { runCli } from "./cli/cli.ts";

// Not left to an empty event loop: a log line that nobody takes would keep the process for ever.
process.exit(await runCli(process.argv.slice(2), process.env));

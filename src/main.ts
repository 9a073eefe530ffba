import { runCli } from "./cli/cli.ts";

// Without this, a log line that the reader of standard output never takes would keep the process
// alive for ever.
process.exit(await runCli(process.argv.slice(2), process.env));

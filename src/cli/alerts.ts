import { hostname } from "node:os";
import { Command } from "commander";
import type { PostResult } from "../alerts/post.ts";
import type { AlertMessage, Target } from "../alerts/targets.ts";
import { alertTargets } from "../app/alerting.ts";
import type { Environment } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { alertSettingsOf } from "./settings.ts";
import { complain, say, tableOf } from "./terminal.ts";

const HELP = `
Sends a trigger, which wakes whoever is on call, and then a resolve to everybody that the environment names: PAGERDUTY_ROUTING_KEY (with
PAGERDUTY_URL) and ALERT_WEBHOOK_URL. It ends with 0 when all of it was taken, with 1 when something was not, and with 2 when nobody is named.
`;

const EXAMPLES = `
Examples:
  $ lyftr alerts test
`;

const NOT_CONFIGURED = {
  pagerduty: "PagerDuty is not told: PAGERDUTY_ROUTING_KEY is not set.\n",
  webhook: "No webhook is told: ALERT_WEBHOOK_URL is not set.\n",
} as const;

/** `lyftr alerts test`: whether those who are to be told of alerts can be. */
export function alertsCommand(env: Environment, exit: (code: number) => void): Command {
  const command = new Command("alerts")
    .description("Test whether built-in alerts arrive.")
    .addHelpText("after", EXAMPLES);
  command
    .command("test")
    .description("Send a trigger and a resolve to everybody who is to be told of alerts.")
    .addHelpText("after", HELP + EXAMPLES)
    .action(async () => {
      const targets = alertTargets(alertSettingsOf(env));
      for (const [name, text] of Object.entries(NOT_CONFIGURED))
        if (!targets.some((target) => target.name === name)) complain(text);
      if (targets.length === 0) throw new CliError("There is nobody to tell.", EXIT_USAGE);
      exit((await allTaken(targets)) ? 0 : EXIT_FAILED);
    });
  return command;
}

async function allTaken(targets: readonly Target[]): Promise<boolean> {
  const rows = [["TARGET", "EVENT", "ANSWER"]];
  let taken = true;
  for (const target of targets) {
    for (const event of ["trigger", "resolve"] as const) {
      const result = await target.send(testMessage(event), new AbortController().signal);
      rows.push([target.name, event, inWords(result)]);
      if (result.kind === "taken") continue;
      taken = false;
      if (result.kind === "refused") complain(`${target.name}: ${target.whenRefused}.\n`);
      // Nothing was begun that could be ended.
      break;
    }
  }
  say(tableOf(rows));
  return taken;
}

function testMessage(event: AlertMessage["event"]): AlertMessage {
  const nowMs = systemClock.now();
  const host = hostname();
  const whatToDo = "Nothing: somebody ran lyftr alerts test.";
  return {
    event,
    key: `lyftr-test-${host}`,
    rule: { name: "test", severity: "warning", whatToDo },
    summary: `${host} tests whether alerts arrive`,
    sinceMs: nowMs,
    nowMs,
  };
}

function inWords(result: PostResult): string {
  if (result.kind === "failed") return `none that helps: ${result.reason}`;
  const what = result.kind === "taken" ? "taken" : "refused";
  return [`${what}, ${result.status}`, ...(result.words === "" ? [] : [result.words])].join(": ");
}

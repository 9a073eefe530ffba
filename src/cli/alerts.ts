import { hostname } from "node:os";
import { Command } from "commander";
import type { PostResult } from "../alerts/post.ts";
import type { AlertMessage, Target } from "../alerts/targets.ts";
import { alertTargets } from "../app/alerting.ts";
import type { Environment } from "../config.ts";
import { systemClock } from "../domain/clock.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { type JsonFlag, withJson, writeResult } from "./json-output.ts";
import { alertSettingsOf } from "./settings.ts";
import { tableOf } from "./table.ts";
import { writeStderr } from "./terminal.ts";

const HELP: CommandHelp = {
  notes: [
    "The test sends a trigger and then a resolve. The trigger notifies the person on call. The targets are " +
      "PAGERDUTY_ROUTING_KEY (with PAGERDUTY_URL) and ALERT_WEBHOOK_URL.",
  ],
  examples: ["lyftr alerts test"],
  exitCodes: {
    0: "every target accepted both events",
    1: "a target did not accept an event",
    2: "no target is configured",
  },
};

const NOT_CONFIGURED = {
  pagerduty: "PagerDuty is not tested: PAGERDUTY_ROUTING_KEY is not set.\n",
  webhook: "No webhook is tested: ALERT_WEBHOOK_URL is not set.\n",
} as const;

/** `lyftr alerts test`: sends a test alert to every configured target. */
export function alertsCommand(env: Environment, exit: (code: number) => void): Command {
  const command = withHelp(
    new Command("alerts").description("Test whether built-in alerts arrive."),
    HELP,
  );
  withJson(withHelp(command.command("test"), HELP))
    .description("Send a test alert to every configured target.")
    .action(async ({ json }: JsonFlag) => {
      const targets = alertTargets(alertSettingsOf(env));
      for (const [name, text] of Object.entries(NOT_CONFIGURED))
        if (!targets.some((target) => target.name === name)) writeStderr(text);
      if (targets.length === 0)
        throw new CliError(
          "No target is configured. Set PAGERDUTY_ROUTING_KEY or ALERT_WEBHOOK_URL.",
          EXIT_USAGE,
        );
      exit((await allTaken(targets, json)) ? 0 : EXIT_FAILED);
    });
  return command;
}

async function allTaken(targets: readonly Target[], json?: true): Promise<boolean> {
  const rows: (readonly [target: string, event: string, answer: string])[] = [];
  let taken = true;
  for (const target of targets) {
    for (const event of ["trigger", "resolve"] as const) {
      const result = await target.send(testMessage(event), new AbortController().signal);
      rows.push([target.name, event, inWords(result)]);
      if (result.kind === "taken") continue;
      taken = false;
      if (result.kind === "refused") writeStderr(`${target.name}: ${target.whenRefused}.\n`);
      // Without a trigger there is no alert to resolve.
      break;
    }
  }
  const data = rows.map(([target, event, answer]) => ({ target, event, answer }));
  writeResult(json, { accepted: taken, data }, tableOf([["TARGET", "EVENT", "ANSWER"], ...rows]));
  return taken;
}

function testMessage(event: AlertMessage["event"]): AlertMessage {
  const nowMs = systemClock.now();
  const host = hostname();
  const advice = "Nothing. This is a test: lyftr alerts test.";
  return {
    event,
    key: `lyftr-test-${host}`,
    rule: { name: "test", severity: "warning", advice },
    summary: `${host} tests whether alerts arrive`,
    sinceMs: nowMs,
    nowMs,
  };
}

function inWords(result: PostResult): string {
  if (result.kind === "failed") return `failed: ${result.reason}`;
  const what = result.kind === "taken" ? "accepted" : "refused";
  return [`${what}, ${result.status}`, ...(result.words === "" ? [] : [result.words])].join(": ");
}

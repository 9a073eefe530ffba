import { endpoint, minutesOrOff, routingKey } from "./values.ts";
import type { Variable } from "./variable.ts";

export interface AlertConfig {
  /** Undefined: no alert is sent to PagerDuty. */
  readonly pagerdutyRoutingKey: string | undefined;
  readonly pagerdutyUrl: string;
  /** Undefined: no alert is sent to a webhook. */
  readonly alertWebhookUrl: string | undefined;
  /** Undefined: the absence of messages is never an alert. */
  readonly alertSilenceMinutes: number | undefined;
}

const PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue";

export const ALERT_VARIABLES: { readonly [K in keyof AlertConfig]: Variable<AlertConfig[K]> } = {
  pagerdutyRoutingKey: {
    name: "PAGERDUTY_ROUTING_KEY",
    fallback: undefined,
    help: "The integration key of a PagerDuty service with Events API v2. Built-in alerts are sent there.",
    values: "32 letters and digits",
    secret: true,
    parse: routingKey,
  },
  pagerdutyUrl: {
    name: "PAGERDUTY_URL",
    fallback: PAGERDUTY_URL,
    help: "The address to which PagerDuty events are sent.",
    values: "A URL. In the EU region: `https://events.eu.pagerduty.com/v2/enqueue`.",
    parse: (text) => endpoint(text) ?? PAGERDUTY_URL,
  },
  alertWebhookUrl: {
    name: "ALERT_WEBHOOK_URL",
    fallback: undefined,
    help: "A webhook to which built-in alerts are sent: Slack, Mattermost or a compatible one.",
    values: 'A URL that accepts `{"text":"…"}`',
    secret: true,
    parse: endpoint,
  },
  alertSilenceMinutes: {
    name: "ALERT_SILENCE_MINUTES",
    fallback: "60",
    help: "An alert is sent when no message arrives for this long at a time when messages usually arrive.",
    values: "5 to 1440, or `off`",
    unit: "minutes",
    parse: minutesOrOff(5, 1_440),
  },
};

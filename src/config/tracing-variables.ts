import type { Variable } from "./variable.ts";

/**
 * The variables of OpenTelemetry that the service reads, as text. Their specification demands that
 * an invalid value is ignored with a warning; only an endpoint that is not a URL ends the start.
 * Variables with TRACES in their name take precedence over the general ones.
 */
export interface TracingConfig {
  /** Tracing is on when one of these two is set. */
  readonly otlpEndpoint: string | undefined;
  readonly otlpTracesEndpoint: string | undefined;
  readonly otelSdkDisabled: string | undefined;
  readonly otelTracesExporter: string | undefined;
  readonly otlpHeaders: string | undefined;
  readonly otlpTracesHeaders: string | undefined;
  readonly otlpProtocol: string | undefined;
  readonly otlpTracesProtocol: string | undefined;
  readonly otlpTimeout: string | undefined;
  readonly otlpTracesTimeout: string | undefined;
  readonly otlpCompression: string | undefined;
  readonly otlpTracesCompression: string | undefined;
  readonly otelServiceName: string | undefined;
  readonly otelResourceAttributes: string | undefined;
  readonly otelTracesSampler: string | undefined;
  readonly otelTracesSamplerArg: string | undefined;
  readonly otelBspScheduleDelay: string | undefined;
  readonly otelBspExportTimeout: string | undefined;
  readonly otelBspMaxQueueSize: string | undefined;
  readonly otelBspMaxExportBatchSize: string | undefined;
}

const asGiven = (text: string | undefined) => (text === "" ? undefined : text);

type TextVariable = Variable<string | undefined>;

/** A variable that the SDK of OpenTelemetry parses. */
function setting(
  name: string,
  described: Omit<TextVariable, "name" | "parse" | "fallback">,
  fallback?: string,
) {
  return { name, ...described, fallback, parse: asGiven } satisfies TextVariable;
}

const MILLISECONDS = "A whole number";
const HEADERS = "`name=value,name=value`, with special characters as `%XX`";
const PROTOCOLS = "`http/protobuf` or `http/json`";
const COMPRESSIONS = "`gzip` or `none`";

export const TRACING_VARIABLES: {
  readonly [K in keyof TracingConfig]: Variable<TracingConfig[K]>;
} = {
  otlpEndpoint: {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    fallback: undefined,
    help: "A collector that accepts OTLP over HTTP. Traces are sent to the path `/v1/traces` there.",
    values: "A URL such as `http://collector:4318`",
    details: [
      "Traces are made only when this variable or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set.",
    ],
    parse: httpUrl,
  },
  otlpTracesEndpoint: {
    name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    fallback: undefined,
    help: "The full URL to which traces are sent.",
    values: "A URL such as `http://collector:4318/v1/traces`",
    details: [
      "It takes precedence over the general variable. So does each variable below with `TRACES` in its name.",
    ],
    parse: httpUrl,
  },
  otelSdkDisabled: setting(
    "OTEL_SDK_DISABLED",
    { help: "`true`: no traces are made, whatever else is set.", values: "`true` or `false`" },
    "false",
  ),
  otelTracesExporter: setting(
    "OTEL_TRACES_EXPORTER",
    { help: "`none`: no traces are made.", values: "`otlp` or `none`" },
    "otlp",
  ),
  otlpHeaders: setting("OTEL_EXPORTER_OTLP_HEADERS", {
    help: "Header fields for the collector, for example its API key.",
    values: HEADERS,
    secret: true,
    list: true,
  }),
  otlpTracesHeaders: setting("OTEL_EXPORTER_OTLP_TRACES_HEADERS", {
    help: "More header fields, for traces only.",
    values: HEADERS,
    secret: true,
    list: true,
  }),
  otlpProtocol: setting(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    {
      help: "The encoding of the spans.",
      values: PROTOCOLS,
      details: ["gRPC is not supported: the port is 4318, not 4317."],
    },
    "http/protobuf",
  ),
  otlpTracesProtocol: setting("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", {
    help: "The same as `OTEL_EXPORTER_OTLP_PROTOCOL`, for traces only.",
    values: PROTOCOLS,
  }),
  otlpTimeout: setting(
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    {
      help: "How long sending one batch of spans may take, with all attempts.",
      values: MILLISECONDS,
      unit: "milliseconds",
    },
    "10000",
  ),
  otlpTracesTimeout: setting("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", {
    help: "The same as `OTEL_EXPORTER_OTLP_TIMEOUT`, for traces only.",
    values: MILLISECONDS,
    unit: "milliseconds",
  }),
  otlpCompression: setting(
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    { help: "The compression of what is sent to the collector.", values: COMPRESSIONS },
    "none",
  ),
  otlpTracesCompression: setting("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", {
    help: "The same as `OTEL_EXPORTER_OTLP_COMPRESSION`, for traces only.",
    values: COMPRESSIONS,
  }),
  otelServiceName: setting("OTEL_SERVICE_NAME", {
    help: "The attribute `service.name` of the traces.",
    values: "Any text",
    details: ["Without it the name is that of `OTEL_RESOURCE_ATTRIBUTES`, or else `lyftr`."],
  }),
  otelResourceAttributes: setting("OTEL_RESOURCE_ATTRIBUTES", {
    help: "More attributes of the service, in every trace.",
    values: "`key=value,key=value`, for example `deployment.environment.name=production`",
    list: true,
  }),
  otelTracesSampler: setting(
    "OTEL_TRACES_SAMPLER",
    {
      help: "Which requests are traced.",
      values:
        "`always_on`, `always_off` or `traceidratio`, each also with the prefix `parentbased_`",
      details: ["With `parentbased_`, a client that sends `traceparent` makes the decision."],
    },
    "parentbased_always_on",
  ),
  otelTracesSamplerArg: setting(
    "OTEL_TRACES_SAMPLER_ARG",
    {
      help: "The share of requests that the sampler `traceidratio` traces.",
      values: "0 to 1",
      unit: "ratio",
    },
    "1",
  ),
  otelBspScheduleDelay: setting(
    "OTEL_BSP_SCHEDULE_DELAY",
    {
      help: "The longest wait of a span before it is sent.",
      values: MILLISECONDS,
      unit: "milliseconds",
    },
    "5000",
  ),
  otelBspExportTimeout: setting(
    "OTEL_BSP_EXPORT_TIMEOUT",
    {
      help: "How long sending one batch of spans may take. The smaller of this and `OTEL_EXPORTER_OTLP_TIMEOUT` counts.",
      values: MILLISECONDS,
      unit: "milliseconds",
    },
    "30000",
  ),
  otelBspMaxQueueSize: setting(
    "OTEL_BSP_MAX_QUEUE_SIZE",
    {
      help: "The maximum number of spans that wait to be sent. Further spans are dropped and counted.",
      values: "A whole number",
      unit: "spans",
    },
    "2048",
  ),
  otelBspMaxExportBatchSize: setting(
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    {
      help: "The maximum number of spans in one request to the collector.",
      values: "A whole number",
      unit: "spans",
    },
    "512",
  ),
};

function httpUrl(text = ""): string | undefined {
  if (text === "") return undefined;
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.hostname === "")
    throw new Error("must look like http://collector:4318");
  // The text is not repeated, because it contains a password.
  if (url.username !== "" || url.password !== "")
    throw new Error("must have no user and password; OTEL_EXPORTER_OTLP_HEADERS can carry them");
  return text;
}

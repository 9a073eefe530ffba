import type { Variable } from "./variable.ts";

/**
 * The variables of OpenTelemetry that the service reads, as text. Their specification demands that an invalid value is
 * ignored with a warning; only an endpoint that is not a URL ends the start. Variables with TRACES in their name take
 * precedence over the general ones.
 */
export interface TracingConfig {
  /** Traces are made when one of these two is set. */
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

function setting(name: string, help: string, fallback?: string): Variable<string | undefined> {
  return { name, help, fallback, parse: asGiven };
}

function endpoint(name: string, help: string): Variable<string | undefined> {
  return { name, help, fallback: undefined, parse: httpUrl };
}

export const TRACING_VARIABLES: { readonly [K in keyof TracingConfig]: Variable<TracingConfig[K]> } = {
  otlpEndpoint: endpoint(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "http://collector:4318, where traces go, to /v1/traces; none without.",
  ),
  otlpTracesEndpoint: endpoint("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "The same as a whole URL."),
  otelSdkDisabled: setting("OTEL_SDK_DISABLED", "true: no traces, whatever else is set.", "false"),
  otelTracesExporter: setting("OTEL_TRACES_EXPORTER", "otlp, or none for no traces.", "otlp"),
  otlpHeaders: {
    ...setting("OTEL_EXPORTER_OTLP_HEADERS", "Headers for the collector: name=value,name=value with %XX."),
    secret: true,
    list: true,
  },
  otlpTracesHeaders: {
    ...setting("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "More of them, for traces."),
    secret: true,
    list: true,
  },
  otlpProtocol: setting("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf or http/json.", "http/protobuf"),
  otlpTracesProtocol: setting("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "The same for traces."),
  otlpTimeout: setting("OTEL_EXPORTER_OTLP_TIMEOUT", "How long sending some spans may take, in milliseconds.", "10000"),
  otlpTracesTimeout: setting("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "The same for traces."),
  otlpCompression: setting("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip or none.", "none"),
  otlpTracesCompression: setting("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "The same for traces."),
  otelServiceName: setting("OTEL_SERVICE_NAME", "service.name of the traces; lyftr without."),
  otelResourceAttributes: {
    ...setting("OTEL_RESOURCE_ATTRIBUTES", "More attributes of the service: key=value,key=value."),
    list: true,
  },
  otelTracesSampler: setting(
    "OTEL_TRACES_SAMPLER",
    "always_on, always_off, traceidratio, or each of them with parentbased_ before it.",
    "parentbased_always_on",
  ),
  otelTracesSamplerArg: setting("OTEL_TRACES_SAMPLER_ARG", "The part that traceidratio takes, 0 to 1.", "1"),
  otelBspScheduleDelay: setting(
    "OTEL_BSP_SCHEDULE_DELAY",
    "Longest wait of a span before it is sent, in milliseconds.",
    "5000",
  ),
  otelBspExportTimeout: setting(
    "OTEL_BSP_EXPORT_TIMEOUT",
    "How long sending some spans may take, in milliseconds.",
    "30000",
  ),
  otelBspMaxQueueSize: setting("OTEL_BSP_MAX_QUEUE_SIZE", "Spans that wait to be sent; more are dropped.", "2048"),
  otelBspMaxExportBatchSize: setting("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "Spans that are sent at once.", "512"),
};

function httpUrl(text = ""): string | undefined {
  if (text === "") return undefined;
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.hostname === "")
    throw new Error("must look like http://collector:4318");
  // The text is not repeated: it contains a password.
  if (url.username !== "" || url.password !== "")
    throw new Error("must have no user and password; OTEL_EXPORTER_OTLP_HEADERS can carry them");
  return text;
}

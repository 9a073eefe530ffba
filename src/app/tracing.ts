import { randomUUID } from "node:crypto";
import type { TracingConfig } from "../config/tracing-variables.ts";
import type { Tracing } from "../observe/trace.ts";
import type { SamplerOptions, TracingOptions } from "../observe/tracing/open-telemetry.ts";
import type { Runtime } from "../runtime.ts";

type Warn = (sentence: string) => void;

/** A request that takes longer is hanging. */
const MS_MAX = 600_000;
const SPANS_MAX = 65_536;
const SAMPLER = /^(parentbased_)?(always_on|always_off|traceidratio)$/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\x20-\x7e]*$/;

export interface TracingParts extends Pick<Runtime, "clock" | "log" | "random"> {
  readonly version: string;
  /** The number of this process when several share the work. */
  readonly worker: number | undefined;
}

/** Starts tracing when a collector is configured. Otherwise no code of OpenTelemetry is loaded. */
export async function tracingOf(
  config: TracingConfig,
  parts: TracingParts,
): Promise<Tracing | undefined> {
  const url = urlOf(config);
  if (url === undefined) return undefined;
  const problems: string[] = [];
  const options = tracingOptions(config, url, (sentence) => problems.push(sentence));
  // With several processes, only the first logs what is the same for all.
  if ((parts.worker ?? 1) === 1)
    for (const problem of problems)
      parts.log.warn({ msg: "a setting of OpenTelemetry is ignored", problem });
  const process = { "service.version": parts.version, "service.instance.id": randomUUID() };
  const worker = parts.worker === undefined ? {} : { "lyftr.worker": parts.worker };
  const { OpenTelemetry } = await import("../observe/tracing/open-telemetry.ts");
  return new OpenTelemetry({
    ...options,
    ...parts,
    resource: { ...process, ...worker, ...options.resource },
  });
}

/** The URL to which traces are sent; undefined when tracing is off. */
function urlOf(config: TracingConfig): string | undefined {
  if (config.otelSdkDisabled?.toLowerCase() === "true" || config.otelTracesExporter === "none")
    return undefined;
  if (config.otlpTracesEndpoint !== undefined) return config.otlpTracesEndpoint;
  return config.otlpEndpoint && `${config.otlpEndpoint.replace(/\/$/, "")}/v1/traces`;
}

/**
 * Reads the variables of OpenTelemetry. An invalid value is reported and replaced by its default.
 */
export function tracingOptions(
  config: TracingConfig,
  url: string,
  warn: Warn,
): Pick<TracingOptions, "sampler" | "otlp" | "queue" | "resource"> {
  const number = (
    name: string,
    text: string | undefined,
    [min, max]: readonly [number, number],
    fallback: number,
  ) => {
    if (text === undefined) return fallback;
    const value = /^[0-9]{1,9}$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    warn(`${name} is not a whole number from ${min} to ${max}: ${fallback} is used`);
    return fallback;
  };
  if (config.otelTracesExporter !== "otlp")
    warn("OTEL_TRACES_EXPORTER is neither otlp nor none: otlp is used");
  const sendTimeout = config.otlpTracesTimeout ?? config.otlpTimeout;
  const sendMs = number("OTEL_EXPORTER_OTLP_TIMEOUT", sendTimeout, [1, MS_MAX], 10_000);
  const exportMs = number(
    "OTEL_BSP_EXPORT_TIMEOUT",
    config.otelBspExportTimeout,
    [1, MS_MAX],
    30_000,
  );
  const spansMax = number(
    "OTEL_BSP_MAX_QUEUE_SIZE",
    config.otelBspMaxQueueSize,
    [1, SPANS_MAX],
    2_048,
  );
  const batchName = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
  const spansPerRequestMax = number(
    batchName,
    config.otelBspMaxExportBatchSize,
    [1, SPANS_MAX],
    512,
  );
  return {
    sampler: samplerOf(config, warn),
    otlp: {
      url,
      headers: headersOf(config, warn),
      encoding: encodingOf(config.otlpTracesProtocol ?? config.otlpProtocol, warn),
      gzip: gzipOf(config.otlpTracesCompression ?? config.otlpCompression, warn),
      msMax: Math.min(sendMs, exportMs),
    },
    queue: {
      spansMax,
      spansPerRequestMax: Math.min(spansPerRequestMax, spansMax),
      delayMs: number("OTEL_BSP_SCHEDULE_DELAY", config.otelBspScheduleDelay, [1, MS_MAX], 5_000),
    },
    resource: resourceOf(config, warn),
  };
}

function samplerOf(
  { otelTracesSampler: name = "", otelTracesSamplerArg: arg }: TracingConfig,
  warn: Warn,
) {
  const [, parentBased, root] = SAMPLER.exec(name) ?? [];
  if (root === undefined) {
    warn("OTEL_TRACES_SAMPLER is not a supported sampler: parentbased_always_on is used");
    return { name: "always_on", ratio: 1, parentBased: true } as const;
  }
  const ratio = arg === undefined ? 1 : Number(arg);
  const isRatio = ratio >= 0 && ratio <= 1;
  if (!isRatio) warn("OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1: 1 is used");
  return {
    name: root as SamplerOptions["name"],
    parentBased: parentBased !== undefined,
    ratio: isRatio ? ratio : 1,
  };
}

function encodingOf(protocol: string | undefined, warn: Warn): "protobuf" | "json" {
  if (protocol === "http/json") return "json";
  if (protocol !== undefined && protocol !== "http/protobuf")
    warn(
      "OTEL_EXPORTER_OTLP_PROTOCOL is neither http/protobuf nor http/json: http/protobuf is used",
    );
  return "protobuf";
}

function gzipOf(compression: string | undefined, warn: Warn): boolean {
  if (compression !== undefined && compression !== "none" && compression !== "gzip")
    warn("OTEL_EXPORTER_OTLP_COMPRESSION is neither gzip nor none: none is used");
  return compression === "gzip";
}

function headersOf(
  { otlpHeaders, otlpTracesHeaders }: TracingConfig,
  warn: Warn,
): Record<string, string> {
  const name = "OTEL_EXPORTER_OTLP_HEADERS";
  const pairs = { ...pairsOf(name, otlpHeaders, warn), ...pairsOf(name, otlpTracesHeaders, warn) };
  const good = Object.entries(pairs).filter(
    ([key, value]) => HEADER_NAME.test(key) && HEADER_VALUE.test(value),
  );
  // Neither names nor values are logged, because one of them may be a key.
  if (good.length < Object.keys(pairs).length)
    warn(`${name} has a pair that cannot be a header: the pair is ignored`);
  return Object.fromEntries(good);
}

function resourceOf({ otelServiceName, otelResourceAttributes }: TracingConfig, warn: Warn) {
  const attributes = pairsOf("OTEL_RESOURCE_ATTRIBUTES", otelResourceAttributes, warn);
  return {
    "service.name": "lyftr",
    ...attributes,
    ...(otelServiceName && { "service.name": otelServiceName }),
  };
}

/**
 * Parses `key=value,key=value`, percent-encoded. One bad pair invalidates all, as the specification
 * demands.
 */
function pairsOf(name: string, text: string | undefined, warn: Warn): Record<string, string> {
  const parts = (text ?? "").split(",").filter((part) => part.trim() !== "");
  try {
    return Object.fromEntries(
      parts.map((part) => {
        const at = part.indexOf("=");
        const key = decodeURIComponent(part.slice(0, at).trim());
        if (at === -1 || key === "") throw new Error("no pair");
        return [key, decodeURIComponent(part.slice(at + 1).trim())];
      }),
    );
  } catch {
    warn(
      `${name} does not look like key=value,key=value with %XX for special characters: it is ignored`,
    );
    return {};
  }
}

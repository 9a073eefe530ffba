import { deepEqual, equal, match, throws } from "node:assert/strict";
import { test } from "node:test";
import { tracingOptions } from "../../src/app/tracing.ts";
import { readConfig, redacted } from "../../src/config.ts";

const URL_OF_TRACES = "http://127.0.0.1:4318/v1/traces";

/** The result of the environment, and its warnings. */
function optionsOf(env: Readonly<Record<string, string>>) {
  const complaints: string[] = [];
  const options = tracingOptions(readConfig(env), URL_OF_TRACES, (sentence) =>
    complaints.push(sentence),
  );
  return { ...options, complaints };
}

test("without further variables the defaults are those of OpenTelemetry", () => {
  deepEqual(optionsOf({}), {
    sampler: { name: "always_on", ratio: 1, parentBased: true },
    otlp: { url: URL_OF_TRACES, headers: {}, encoding: "protobuf", gzip: false, msMax: 10_000 },
    queue: { spansMax: 2_048, spansPerRequestMax: 512, delayMs: 5_000 },
    resource: { "service.name": "lyftr" },
    complaints: [],
  });
});

test("variables of OpenTelemetry are read as it specifies, those for traces before the general ones", () => {
  const { sampler, otlp, queue, resource, complaints } = optionsOf({
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
    OTEL_EXPORTER_OTLP_HEADERS: "api-key=a%2Cb, x-tenant = one ",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-tenant=two",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_TIMEOUT: "3000",
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "4000",
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    OTEL_BSP_EXPORT_TIMEOUT: "3500",
    OTEL_BSP_MAX_QUEUE_SIZE: "100",
    OTEL_BSP_SCHEDULE_DELAY: "10",
    OTEL_RESOURCE_ATTRIBUTES: "service.name=other,deployment.environment.name=pr%C3%BCf",
  });
  deepEqual(complaints, []);
  deepEqual(sampler, { name: "traceidratio", ratio: 0.25, parentBased: true });
  const headers = { "api-key": "a,b", "x-tenant": "two" };
  deepEqual(otlp, { url: URL_OF_TRACES, headers, encoding: "json", gzip: true, msMax: 3_500 });
  // No request is larger than the queue.
  deepEqual(queue, { spansMax: 100, spansPerRequestMax: 100, delayMs: 10 });
  deepEqual(resource, { "service.name": "other", "deployment.environment.name": "prüf" });
  equal(
    optionsOf({ OTEL_SERVICE_NAME: "mine", OTEL_RESOURCE_ATTRIBUTES: "service.name=other" })
      .resource["service.name"],
    "mine",
  );
});

test("an invalid value causes a warning without repeating it, and its default is used", () => {
  const wrong = {
    OTEL_TRACES_EXPORTER: "hunter2",
    OTEL_TRACES_SAMPLER: "hunter2",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_COMPRESSION: "hunter2",
    OTEL_EXPORTER_OTLP_HEADERS: "hunter2",
    OTEL_EXPORTER_OTLP_TIMEOUT: "0",
    OTEL_BSP_EXPORT_TIMEOUT: "-1",
    OTEL_BSP_MAX_QUEUE_SIZE: "1e9",
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "many",
    OTEL_BSP_SCHEDULE_DELAY: "9999999999",
    OTEL_RESOURCE_ATTRIBUTES: "a=1,b",
  };
  const { complaints, ...options } = optionsOf(wrong);
  deepEqual(
    new Set(complaints.map((sentence) => sentence.split(" ")[0])),
    new Set(Object.keys(wrong)),
  );
  equal(complaints.join().includes("hunter2"), false);
  const { complaints: none, ...defaults } = optionsOf({});
  deepEqual([options, none], [defaults, []]);
  deepEqual(optionsOf({ OTEL_TRACES_SAMPLER_ARG: "2" }).complaints.length, 1);
  deepEqual(optionsOf({ OTEL_EXPORTER_OTLP_HEADERS: "good=1,b%0Ad=x,c=%0A" }).otlp.headers, {
    good: "1",
  });
});

test("an invalid endpoint ends the start, and one with a password is not repeated", () => {
  for (const name of ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) {
    for (const text of ["collector:4318", "4318", "grpc://collector:4317", "http://"])
      throws(
        () => readConfig({ [name]: text }),
        new RegExp(`${name} must look like http://collector:4318`),
      );
    throws(
      () => readConfig({ [name]: "http://user:hunter2@collector" }),
      (error: Error) => {
        match(error.message, new RegExp(`${name} must have no user and password`));
        return !error.message.includes("hunter2");
      },
    );
  }
});

test("the headers for the collector are not shown", () => {
  const shown = redacted(
    readConfig({
      OTEL_EXPORTER_OTLP_HEADERS: "key=hunter2",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "",
    }),
  );
  deepEqual(
    [shown.OTEL_EXPORTER_OTLP_HEADERS, shown.OTEL_EXPORTER_OTLP_TRACES_HEADERS],
    ["(set)", "(not set)"],
  );
  equal(JSON.stringify(shown).includes("hunter2"), false);
});

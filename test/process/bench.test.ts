import { BENCHMARKS, OF_DASHBOARD, OF_WRITING, testBenchmarks } from "../support/quick-bench.ts";

testBenchmarks(
  "the benchmarks that are not of writing or the dashboard run, and what they assert holds",
  BENCHMARKS.filter((file) => !OF_WRITING.includes(file) && !OF_DASHBOARD.includes(file)),
);

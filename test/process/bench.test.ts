import { BENCHMARKS, OF_WRITING, testBenchmarks } from "../support/quick-bench.ts";

testBenchmarks(
  "the benchmarks that are not of writing run, and what they assert holds",
  BENCHMARKS.filter((file) => !OF_WRITING.includes(file)),
);

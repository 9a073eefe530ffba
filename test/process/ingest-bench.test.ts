import { OF_WRITING, testBenchmarks } from "../support/quick-bench.ts";

testBenchmarks("the benchmarks of writing run, and what they assert holds", OF_WRITING);

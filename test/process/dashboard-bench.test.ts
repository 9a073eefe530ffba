import { OF_DASHBOARD, testBenchmarks } from "../support/quick-bench.ts";

testBenchmarks("the benchmarks of the dashboard run, and what they assert holds", OF_DASHBOARD);

/**
 * The samples of one scrape: returns the value of a series, with labels as printed. A missing
 * series is 0.
 */
export type Samples = (series: string) => number;

export async function scrape(url: string): Promise<Samples> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const samples = new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map(splitSample),
  );
  return (series) => samples.get(series) ?? 0;
}

function splitSample(line: string): [string, number] {
  const end = line.lastIndexOf(" ");
  return [line.slice(0, end), Number(line.slice(end + 1))];
}

export async function totalMessages(url: string): Promise<number> {
  const stats = (await (await fetch(`${url}/stats`)).json()) as { total_messages: number };
  return stats.total_messages;
}

/**
 * The sampling period of Node's histogram of event-loop delays is part of each of its values: an
 * idle loop shows 10 ms.
 */
const SAMPLING_MS = 10;

/** The 99th percentile of the event loop's delay since the previous scrape. */
export function eventLoopDelayMs(samples: Samples): number {
  return Math.max(0, 1_000 * samples("nodejs_eventloop_lag_p99_seconds") - SAMPLING_MS);
}

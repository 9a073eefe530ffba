/**
 * The planner takes a part of a list for a third of all messages, however short it is. So it would rather read the whole table, or start
 * processes and compile for it, than walk along an index: what is asked by index is told so. Settings, as in SET.
 */
export const BY_INDEX: readonly string[] = ["jit = off", "max_parallel_workers_per_gather = 0", "enable_seqscan = off"];

/** For a statement that has to look at every message anyhow. */
export const BY_TABLE = "SET LOCAL enable_seqscan = on";

/** For a search: the planner takes rare words for frequent ones, and would walk. */
export const BY_SEARCH_INDEX = "SET LOCAL enable_indexscan = off";

/** Takes {@link BY_SEARCH_INDEX} back. */
export const BY_ANY_INDEX = "SET LOCAL enable_indexscan = on";

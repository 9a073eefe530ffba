/** The results of all, or the first failure in the order of the list: those behind it are only its consequence. */
export async function allOrFirst<const T extends readonly Promise<unknown>[]>(
  promises: T,
): Promise<{ -readonly [At in keyof T]: Awaited<T[At]> }> {
  await Promise.allSettled(promises);
  // Of those that have failed by now, the first in the list is reported.
  return Promise.all(promises);
}

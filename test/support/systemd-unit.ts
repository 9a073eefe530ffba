import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

const FOLDER = new URL("../../deploy/systemd/", import.meta.url);

/**
 * The values of every key of a unit, in order; an empty one removes those before it, as in systemd.
 */
export function unitSettings(...names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, readonly string[]>();
  for (const name of names)
    for (const [, key = "", value = ""] of unitText(name).matchAll(/^([A-Za-z]+)=(.*)$/gm))
      settings.set(key, value === "" ? [] : [...(settings.get(key) ?? []), value]);
  return settings;
}

export function unitText(name: string): string {
  return readFileSync(new URL(name, FOLDER), "utf8");
}

/**
 * The environment of a unit, with `state` for its state directory (%S) and `credentials` for that
 * of its secrets (%d).
 */
export function unitEnvironment(
  settings: ReadonlyMap<string, readonly string[]>,
  { state, credentials }: { readonly state: string; readonly credentials: string },
): Readonly<Record<string, string>> {
  const pairs = (settings.get("Environment") ?? []).flatMap((line) => line.split(" "));
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name = "", value = ""] = /^([A-Z_]+)=(.*)$/.exec(pair) ?? [];
      return [name, value.replaceAll("%S", state).replaceAll("%d", credentials)];
    }),
  );
}

/** The system calls that the filters of a unit allow, by systemd's own groups. */
export async function allowedCalls(
  settings: ReadonlyMap<string, readonly string[]>,
): Promise<ReadonlySet<string>> {
  const allowed = new Set(await callsIn("@default"));
  for (const filter of settings.get("SystemCallFilter") ?? []) {
    const without = filter.startsWith("~");
    for (const group of filter.replace("~", "").split(" "))
      for (const call of await callsIn(group)) allowed[without ? "delete" : "add"](call);
  }
  return allowed;
}

async function callsIn(group: string): Promise<readonly string[]> {
  if (!group.startsWith("@")) return [group];
  const { stdout } = await promisify(execFile)("systemd-analyze", [
    "--no-pager",
    "syscall-filter",
    group,
  ]);
  const names = stdout
    .split("\n")
    .slice(1)
    .map((line) => line.trim());
  const calls = await Promise.all(
    names.filter((name) => /^@?[a-z0-9_-]+$/.test(name)).map(callsIn),
  );
  return calls.flat();
}

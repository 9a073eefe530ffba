import { equal } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** The fields of a compose service that are tested here. */
export interface ComposeService {
  readonly extends?: { readonly file: string; readonly service: string };
  readonly profiles?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly image?: string;
  readonly build?: string | { readonly context: string; readonly dockerfile_inline: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly command?: readonly string[];
  readonly user?: string;
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
}

/** The services of a compose file at the root, including what they inherit from compose.yaml. */
export function composeServices(name: string): Readonly<Record<string, ComposeService>> {
  const text = readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
  const own: Readonly<Record<string, ComposeService>> = parse(text, { merge: true }).services;
  const whole = Object.entries(own).map(([service, described]) => {
    if (described.extends === undefined) return [service, described];
    equal(described.extends.file, "compose.yaml");
    return [
      service,
      { ...composeServices("compose.yaml")[described.extends.service], ...described },
    ];
  });
  return Object.fromEntries(whole);
}

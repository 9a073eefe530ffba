import { deepEqual, doesNotThrow, equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { test } from "node:test";
import { brokenBuild, CONTROLS } from "../../campaign/controls.ts";
import { FAULTS } from "../../campaign/faults.ts";
import { GOALS, reached } from "../../campaign/goals.ts";
import { addCounts } from "../../campaign/results.ts";

// The campaign itself runs after the tests. These find out earlier that a change of src/ broke it.

test("each control of the fault campaign still finds what it replaces, exactly once", () => {
  for (const name of Object.keys(CONTROLS)) brokenBuild(name);
});

test("what a control makes of a source file can be parsed", () => {
  for (const [name, { replacements }] of Object.entries(CONTROLS)) {
    const texts = new Map<string, string>();
    for (const { file, from, to } of replacements) {
      const text = texts.get(file) ?? readFileSync(`src/${file}`, "utf8");
      texts.set(
        file,
        text.replace(from, () => to),
      );
    }
    for (const [file, text] of texts)
      doesNotThrow(() => stripTypeScriptTypes(text), `${name} in ${file}`);
  }
});

test("each fault has its own name, and each of its controls exists", () => {
  equal(new Set(FAULTS.map(({ name }) => name)).size, FAULTS.length);
  for (const { name, controls } of FAULTS)
    for (const control of controls) ok(control in CONTROLS, `${name}: ${control}`);
});

test("each control is there for a fault", () => {
  const used = new Set(FAULTS.flatMap(({ controls }) => controls));
  for (const control of Object.keys(CONTROLS)) ok(used.has(control), control);
});

test("each goal of the long campaign counts rounds of faults that exist, and not those of controls", () => {
  for (const { faults } of GOALS)
    for (const name of faults)
      ok(
        FAULTS.some((fault) => fault.name === name),
        name,
      );
  const goal = { figure: "kills", atLeast: 10, faults: ["kill", "other"], count: "kills" };
  const round = { database: "none", seed: 0, seconds: 1, commit: "", machine: "", at: "" } as const;
  const rounds = [
    { ...round, fault: "kill", control: null, counts: { kills: 2, acked: 9 }, broken: [] },
    { ...round, fault: "other", control: null, counts: { kills: 3 }, broken: [] },
    { ...round, fault: "kill", control: "x", counts: { kills: 5 }, broken: [] },
    { ...round, fault: "third", control: null, counts: { kills: 7 }, broken: [] },
  ];
  equal(reached(goal, rounds), 5);
});

test("counts of rounds are added up, except the greatest of names that end in Max", () => {
  const rounds = [
    { counts: { acked: 2, readyMsMax: 9 }, broken: [] },
    { counts: { acked: 3, readyMsMax: 4, lost: 0 }, broken: [] },
  ];
  equal(JSON.stringify(addCounts(rounds)), JSON.stringify({ acked: 5, readyMsMax: 9, lost: 0 }));
});

const INTERRUPTED = `
  import { spawn } from "node:child_process";
  import { endEverythingAtExit } from "${new URL("../../campaign/support/interruption.ts", import.meta.url)}";
  import { temporaryFolder } from "${new URL("../support/temporary-folder.ts", import.meta.url)}";
  endEverythingAtExit();
  const folder = temporaryFolder("interrupted");
  const stdio = ["ignore", "pipe", "ignore"];
  const { stdout } = spawn("sh", ["-c", "sleep 300 & echo $$ $!; wait"], { stdio });
  stdout.once("data", (pids) => {
    console.log(JSON.stringify({ folder, pids: String(pids).trim().split(" ") }));
    if (process.env.FAILS) throw new Error("unexpected");
  });
`;

for (const [end, signal, code] of [
  ["SIGTERM", "SIGTERM", 143],
  ["Ctrl-C", "SIGINT", 130],
  ["an unexpected error", undefined, 1],
] as const) {
  test(`${end} ends what the campaign has started, and removes its folders`, async () => {
    const env = signal === undefined ? { ...process.env, FAILS: "1" } : process.env;
    const args = ["--input-type=module-typescript", "--eval", INTERRUPTED];
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "ignore"] });
    const exited = once(child, "exit");
    const [text] = await once(child.stdout, "data");
    const { folder, pids } = JSON.parse(text);
    if (signal !== undefined) child.kill(signal);
    deepEqual(await exited, [code, null]);
    ok(!existsSync(folder));
    deepEqual(pids.filter(isRunning), []);
  });
}

function isRunning(pid: string): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !/\) [ZX] /.test(readFileSync(path, "utf8"));
}

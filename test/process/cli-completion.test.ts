import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Command } from "commander";
import { COMMAND_NAMES, wholeProgram } from "../../src/cli/cli.ts";
import { run, temporaryFolder } from "../support/cli.ts";
import { unlessTool } from "../support/tools.ts";

/** What bash offers behind these words, the last of which is being typed. */
const ASK = `
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}
$(complete -p lyftr | sed -E 's/.*-F ([^ ]+).*/\\1/') lyftr
printf '%s\\n' "\${COMPREPLY[@]}"
`;

async function script(shell: string): Promise<string> {
  using folder = temporaryFolder();
  const { code, stdout, stderr } = await run(["completion", shell], { cwd: folder.path });
  equal(code, 0, stderr);
  return stdout;
}

test("bash completes commands, subcommands, options, values and files", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("completion.bash"), await script("bash"));
  for (const name of ["backup one.db", "backup two.db", "other.txt"])
    writeFileSync(folder.file(name), "");
  const offered = (...words: string[]) =>
    execFileSync("bash", ["-uc", ASK, "bash", "completion.bash", "lyftr", ...words], {
      cwd: folder.path,
      encoding: "utf8",
    })
      .split("\n")
      .filter((word) => word !== "")
      .sort();
  deepEqual(offered(""), ["--help", "--version", ...COMMAND_NAMES].sort());
  deepEqual(offered("ver"), ["verify", "verify-signature", "version"]);
  deepEqual(offered("keys", ""), ["--help", "create", "list", "revoke", "rotate"]);
  deepEqual(offered("keys", "create", "--"), ["--expires", "--help", "--name", "--scope"]);
  deepEqual(offered("keys", "create", "--scope", ""), ["admin", "read"]);
  deepEqual(offered("keys", "create", "--scope", "a"), ["admin"]);
  deepEqual(offered("keys", "create", "--name", ""), []);
  deepEqual(offered("restore", "backup"), ["backup one.db", "backup two.db"]);
  deepEqual(offered("send", "--file", "oth"), ["other.txt"]);
  deepEqual(offered("completion", ""), ["--help", "bash", "fish", "zsh"]);
  // The value of an option is no command.
  deepEqual(offered("send", "--text", "keys", "--con"), ["--concurrency"]);
});

/** Types the lines of standard input into an interactive bash, each when the prompt is there. */
const TYPE = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.environ["PS1"] = "ready> "
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
output = b""
for line in sys.stdin.read().splitlines():
    while b"ready> " not in output:
        output += os.read(terminal, 65536)
    os.write(terminal, line.encode() + b"\\r")
    output = b""
try:
    while True:
        output += os.read(terminal, 65536)
except OSError:
    sys.stdout.write(output.decode())
`;

test("bash completes what is typed on a terminal", { skip: unlessTool("python3") }, async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file("completion.bash"), await script("bash"));
  writeFileSync(folder.file("my backup.db"), "");
  const lines = [
    "source completion.bash",
    'lyftr() { printf "<%s>" "$@" >>called; }',
    "lyftr keys crea\t--sco\tadm\t",
    "lyftr restore --y\tmy\t",
    "exit",
  ];
  execFileSync("python3", ["-c", TYPE], {
    cwd: folder.path,
    input: lines.join("\n"),
    env: { PATH: process.env.PATH, TERM: "dumb", INPUTRC: "/dev/null" },
    timeout: 20_000,
  });
  equal(
    readFileSync(folder.file("called"), "utf8"),
    "<keys><create><--scope><admin><restore><--yes><my backup.db>",
  );
});

test("the scripts for zsh and fish have every command and option", async () => {
  const names = new Set<string>();
  const visit = (command: Command) => {
    names.add(command.name());
    for (const { long } of command.options) names.add(long ?? "");
    command.commands.forEach(visit);
  };
  (await wholeProgram()).commands.forEach(visit);
  const [zsh, fish] = await Promise.all([script("zsh"), script("fish")]);
  ok(names.size > 40, `${names.size}`);
  for (const name of names) {
    ok(zsh.includes(`'${name}:`), `zsh: ${name}`);
    ok(
      new RegExp(name.startsWith("--") ? `-l ${name.slice(2)} ` : `-a ${name} `).test(fish),
      `fish: ${name}`,
    );
  }
});

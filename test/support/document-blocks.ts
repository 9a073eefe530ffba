import { doesNotMatch, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { programOnPath } from "./package.ts";
import { INHERITED } from "./process.ts";

// Runs the blocks of documents as a reader would. There are two differences: the port is a free
// one, and `npm ci` links the dependencies of this checkout instead of downloading them.

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CLIENT = new URL("../../client/client.ts", import.meta.url).href;
const DEFAULT_ADDRESS = "127.0.0.1:8000";
const BIN = fileURLToPath(new URL("../../bin/lyftr.js", import.meta.url));
const BLOCK_MS_MAX = 60_000;
/** A running service sees a new API key within 5 seconds; a busy machine needs longer. */
const AGREES_MS_MAX = 20_000;
const NPM = `#!/bin/sh
[ "$*" = ci ] || { echo "npm $* is not known to this test" >&2; exit 1; }
exec ln -s '${ROOT}node_modules' node_modules
`;

/**
 * A fenced block. A `json` block shows the end of the output of the block before it, with `…` for
 * any text.
 */
export interface Block {
  readonly language: string;
  readonly text: string;
}

export function documentText(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

export function blocksOf(text: string): readonly Block[] {
  const found = text.matchAll(/^```(\w*)\n(.*?)^```$/gms);
  return [...found].map(([, language = "", block = ""]) => ({ language, text: block }));
}

export interface TerminalOptions {
  /** Where blocks run. */
  readonly folder: string;
  /**
   * An empty folder, for programs that take precedence over those of the machine, and for `HOME`.
   */
  readonly home: string;
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs blocks, each in its own shell, and ends the services that they start. */
export class Terminal {
  readonly #options: TerminalOptions;
  readonly #env: Readonly<Record<string, string>>;
  readonly #services: (() => Promise<void>)[] = [];

  constructor(options: TerminalOptions) {
    this.#options = options;
    const { PATH = "", ...inherited } = INHERITED;
    this.#env = {
      ...inherited,
      ...options.env,
      PATH: `${programsIn(options.home)}:${PATH}`,
      PORT: `${options.port}`,
      HOME: options.home,
      npm_config_offline: "true",
      npm_config_update_notifier: "false",
    };
  }

  /**
   * Runs every block of a document in order, and compares the outputs that it shows. Returns how
   * many ran.
   */
  async runDocument(name: string): Promise<number> {
    const blocks = blocksOf(documentText(name)).filter(({ language }) => language !== "text");
    const runnable = blocks.filter(({ language }) => language !== "json");
    for (const block of runnable) {
      ok(
        ["sh", "js"].includes(block.language),
        `${name}: no test runs a block of "${block.language}"`,
      );
      const shown = blocks[blocks.indexOf(block) + 1];
      if (shown?.language === "json") await this.#runUntil(block, shown);
      // curl ends with 0 whatever the status.
      else doesNotMatch(await this.run(block), /"detail":/, block.text);
    }
    return runnable.length;
  }

  /**
   * Resolves with the standard output when the block has ended with 0, or when it has started a
   * service.
   */
  async run({ language, text }: Block): Promise<string> {
    const { folder, port } = this.#options;
    const block = text.replaceAll(DEFAULT_ADDRESS, `127.0.0.1:${port}`);
    if (language === "js")
      writeFileSync(join(folder, "block.mjs"), block.replace("lyftr/client", CLIENT));
    const command = language === "js" ? ["node", "block.mjs"] : ["sh", "-e", "-c", block];
    const options = { cwd: folder, env: this.#env, detached: true } as const;
    const child = spawn("env", command, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (chunk) => (stderr += chunk));
    const ended = once(child, "close").then(
      ([code, signal]) => (code ?? signal) as number | string,
    );
    const end = async (signal: NodeJS.Signals) => {
      if (!child.stdout.closed) process.kill(-(child.pid ?? 0), signal);
      await ended;
    };
    const serving = new Promise<"serving">((resolve) => {
      child.stdout.setEncoding("utf8").on("data", (chunk) => {
        stdout += chunk;
        if (stdout.includes('"msg":"listening"')) resolve("serving");
      });
    });
    const late = setTimeout(() => void end("SIGKILL"), BLOCK_MS_MAX);
    const outcome = await Promise.race([ended, serving]);
    clearTimeout(late);
    if (outcome === "serving") this.#services.push(() => end("SIGTERM"));
    else equal(outcome, 0, `${text}\n${stdout}${stderr}`);
    return stdout;
  }

  /** A block that only reads is repeated until its output is as shown; others run once. */
  async #runUntil(block: Block, shown: Block): Promise<void> {
    const wanted = new RegExp(`${shown.text.trim().split("…").map(escaped).join(".*")}\\s*$`);
    const onlyReads = block.text
      .split("\n")
      .every((line) => line === "" || /^curl -sS '?http[^ ]*$/.test(line));
    const deadline = performance.now() + AGREES_MS_MAX;
    let stdout = await this.run(block);
    while (onlyReads && !wanted.test(stdout) && performance.now() < deadline) {
      await sleep(200);
      stdout = await this.run(block);
    }
    match(stdout, wanted, block.text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#services) await end();
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/**
 * The pinned Node.js, `lyftr` as in an installed package, and an npm that supports only what
 * documents use.
 */
function programsIn(home: string): string {
  const bin = join(home, "bin");
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, "node"));
  symlinkSync(programOnPath("npx"), join(bin, "npx"));
  writeFileSync(join(bin, "npm"), NPM, { mode: 0o755 });
  writeFileSync(join(bin, "lyftr"), `#!/bin/sh\nexec node '${BIN}' "$@"\n`, { mode: 0o755 });
  return bin;
}

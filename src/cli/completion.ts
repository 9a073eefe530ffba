import { Argument, Command } from "commander";
import { bashScript } from "./completion/bash.ts";
import { wordsOf } from "./completion/command-words.ts";
import { fishScript } from "./completion/fish.ts";
import { zshScript } from "./completion/zsh.ts";
import { type CommandHelp, withHelp } from "./help.ts";
import { writeStdout } from "./terminal.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
const HELP: CommandHelp = {
  notes: [
    "Writes a script that completes commands, options, their values and file names. Put the line of your shell " +
      "into its start-up file: ~/.bashrc, ~/.zshrc after compinit, or ~/.config/fish/config.fish.",
  ],
  examples: [
    "source <(lyftr completion bash)",
    "source <(lyftr completion zsh)",
    "lyftr completion fish | source",
  ],
};

/** `lyftr completion`: generates a completion script for a shell. */
export function completionCommand(): Command {
  const command = withHelp(new Command("completion"), HELP)
    .description("Write a completion script for a shell.")
    .addArgument(new Argument("<shell>", "the shell").choices(Object.keys(SCRIPTS)))
    .action((shell: keyof typeof SCRIPTS) => {
      // The program has loaded every command for this one.
      if (command.parent !== null) writeStdout(SCRIPTS[shell](wordsOf(command.parent)));
    });
  return command;
}

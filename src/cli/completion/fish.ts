import type { CommandWords, OptionWords } from "./command-words.ts";

/** A script for fish. */
export function fishScript(all: readonly CommandWords[]): string {
  return `# Completion of lyftr for fish. To load it: lyftr completion fish | source
complete -c lyftr -f
${all.flatMap(linesOf).join("\n")}
`;
}

function linesOf(words: CommandWords): readonly string[] {
  const { commands, options, values, takesFiles } = words;
  const here = `complete -c lyftr -n ${quoted(conditionOf(words))}`;
  return [
    ...commands.map(({ name, description }) => `${here} -a ${name} -d ${quoted(description)}`),
    ...values.map((value) => `${here} -a ${value}`),
    ...options.map((option) => `${here} ${optionOf(option)}`),
    ...(takesFiles ? [`${here} -F`] : []),
  ];
}

/** When the words typed so far are those of this command, and of none below it. */
function conditionOf({ path, commands }: CommandWords): string {
  const names = commands.map(({ name }) => name).join(" ");
  if (path === "") return "__fish_use_subcommand";
  const [first = "", second] = path.split(" ");
  const seen = `__fish_seen_subcommand_from ${first}`;
  if (second !== undefined) return `${seen}; and __fish_seen_subcommand_from ${second}`;
  return names === "" ? seen : `${seen}; and not __fish_seen_subcommand_from ${names}`;
}

function optionOf({ name, description, takesValue, values, takesFiles }: OptionWords): string {
  const value = takesFiles ? " -r -F" : takesValue ? " -x" : "";
  const choices = values.length === 0 ? "" : ` -a ${quoted(values.join(" "))}`;
  return `-l ${name.replace(/^--/, "")}${value}${choices} -d ${quoted(description)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

import type { CommandWords, Described } from "./command-words.ts";

/** A script for zsh. It can be sourced, or be a file `_lyftr` in a folder of `fpath`. */
export function zshScript(all: readonly CommandWords[]): string {
  const paths = all.filter(({ path }) => path !== "").map(({ path }) => `" ${path}"`);
  return `#compdef lyftr
# Completion of lyftr for zsh. To load it: source <(lyftr completion zsh)
_lyftr() {
  local at="" files=""
  local -i index
  local -a names
  for (( index = 2; index < CURRENT; index++ )); do
    case "$at \${words[index]}" in
      (${paths.join(" | \\\n      ")})
        at="$at \${words[index]}" ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${all.flatMap(valueCases).join("\n")}
  esac
  case "$at" in
${all.map(wordCase).join("\n")}
  esac
  _describe 'lyftr' names
  [[ -n "$files" ]] && _files
}
if [[ "\${zsh_eval_context[-1]}" = "loadautofunc" ]]; then
  _lyftr "$@"
else
  compdef _lyftr lyftr
fi
`;
}

function valueCases({ path, options }: CommandWords): readonly string[] {
  return options
    .filter(({ takesValue }) => takesValue)
    .map(({ name, values, takesFiles }) => {
      const follow = takesFiles
        ? "_files; "
        : values.length > 0
          ? `compadd -- ${values.join(" ")}; `
          : "";
      return `    ("${prefixed(path)} ${name}") ${follow}return ;;`;
    });
}

function wordCase({ path, commands, options, values, takesFiles }: CommandWords): string {
  const words: readonly Described[] = [
    ...commands,
    ...options,
    ...values.map((name) => ({ name, description: "value" })),
  ];
  const names = words.map(({ name, description }) => `      ${quoted(`${name}:${description}`)}`);
  return `    ("${prefixed(path)}")
      names=(
${names.join("\n")}
      )${takesFiles ? "\n      files=1" : ""} ;;`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function prefixed(path: string): string {
  return path === "" ? "" : ` ${path}`;
}

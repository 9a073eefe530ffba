import type { CommandWords } from "./command-words.ts";

/** A script for bash, from 3.2 on. */
export function bashScript(all: readonly CommandWords[]): string {
  const paths = all.filter(({ path }) => path !== "").map(({ path }) => `" ${path}"`);
  return `# Completion of lyftr for bash. To load it: source <(lyftr completion bash)
_lyftr() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" at="" index words="" files=""
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "$at \${COMP_WORDS[index]}" in
      ${paths.join(" | \\\n      ")})
        at="$at \${COMP_WORDS[index]}" ;;
    esac
  done
  case "$at $before" in
${all.flatMap(valueCases).join("\n")}
    *)
      case "$at" in
${all.map(wordCase).join("\n")}
      esac ;;
  esac
  local IFS=$'\\n'
  if [[ -n "$files" ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -W "\${words// /$'\\n'}" -- "$word") $(compgen -f -- "$word"))
  else
    COMPREPLY=($(compgen -W "\${words// /$'\\n'}" -- "$word"))
  fi
}
complete -F _lyftr lyftr
`;
}

/** What may follow an option that takes a value. */
function valueCases({ path, options }: CommandWords): readonly string[] {
  return options
    .filter(({ takesValue }) => takesValue)
    .map(({ name, values, takesFiles }) => {
      const follow = takesFiles ? "files=1" : `words="${values.join(" ")}"`;
      return `    "${prefixed(path)} ${name}") ${follow} ;;`;
    });
}

function wordCase({ path, commands, options, values, takesFiles }: CommandWords): string {
  const words = [...commands, ...options].map(({ name }) => name);
  return `        "${prefixed(path)}") words="${[...words, ...values].join(" ")}"${takesFiles ? " files=1" : ""} ;;`;
}

function prefixed(path: string): string {
  return path === "" ? "" : ` ${path}`;
}

// Finds words that a reader must translate before the sentence makes sense, and prose that is too
// wide. A sentence names its actor (the client, the process, the operator) and uses standard terms.

interface Rule {
  readonly pattern: RegExp;
  readonly instead: string;
}

const ACTOR = "name the actor: the client, the sender, the operator, the process";
const RULES: readonly Rule[] = [
  { pattern: /\b(?:whoever|whomever|nobody|somebody|everybody|anybody)\b/i, instead: ACTOR },
  { pattern: /(?:^|[.:;] |\/\/ |\* )Who (?![^.]*\?)/, instead: ACTOR },
  { pattern: /\banew\b/i, instead: "again, or rebuild" },
  { pattern: /\bto be had\b/i, instead: "available, unavailable" },
  { pattern: /\bso long\b/i, instead: "while, as long as, or the duration itself" },
  { pattern: /\bso (?:many|much)\b/i, instead: "the number itself" },
  { pattern: /\bmeanwhile\b/i, instead: "during …, or while …" },
  { pattern: /\b(?:is|are|was|were|be) away\b/i, instead: "unavailable, or has disconnected" },
  { pattern: /\b(?:goes|went|gone) away\b/i, instead: "disconnects, ends, or becomes unavailable" },
  { pattern: /\b(?:goes|went|going) on\b/i, instead: "continues" },
  {
    pattern: /\b(?:giv(?:es?|en|ing)|gave) (?:it |them )?back\b/i,
    instead: "returns, or releases",
  },
  {
    pattern: /\b(?:breaks?|broken?|broke) off\b/i,
    instead: "closes the connection, or incomplete",
  },
  { pattern: /\bheals?\b/i, instead: "recovers" },
  { pattern: /\bmade-up\b/i, instead: "generated" },
  {
    pattern:
      /(?<!\bthere )\b(?:is|are|was|were) no (?:regular|HTTP|digit|number|message|address)\b/i,
    instead: "is not a",
  },
  { pattern: /\btold (?:of|when|after|how)\b/i, instead: "called with, notified of, or logged" },
  { pattern: /\bsafe twice\b/i, instead: "safe to call twice" },
  { pattern: /\bshall\b/i, instead: "must, or will" },
  { pattern: /\blook(?:s|ed)? after\b/i, instead: "check" },
  {
    pattern: /\bthe (?:batch|commit|page|step|version) before(?= (?:is|was|are)\b|[.,;:)]|$)/i,
    instead: "the previous …",
  },
  {
    pattern: /\b(?:lest|forthwith|thereof|wherein|thereby|hereby)\b/i,
    instead: "so that … not, at once, of it, in which",
  },
];

const COLUMNS_MAX = 100;
/** A line that is a comment in one of these languages. */
const COMMENT = /^\s*(?:\/\/|\/?\*|--|#|;)/;
const TABLE_ROW = /^\s*\|/;
const FENCE = /^\s*```/;
const NONE: ReadonlyMap<number, number> = new Map();
/** A comment on its own line, except directives of the linter. */
const TS_COMMENT = /^\s*(?:\/\/|\/?\*{1,2}) (?!biome-ignore)/;
const URL_IN_TEXT = /https?:\/\/[^\s)>]+/g;

/**
 * Returns a sentence for each word of the list, and for each line of Markdown and each comment of
 * TypeScript that is too wide.
 * Quotations in `backticks` are not read in comments and Markdown. "nobody" as a string is the user
 * of an operating system.
 */
export function complaintsAbout(file: string, text: string): readonly string[] {
  const isMarkdown = file.endsWith(".md");
  const wide = isMarkdown
    ? tooWideLines(text)
    : /\.tsx?$/.test(file)
      ? tooWideComments(text)
      : NONE;
  return text.split("\n").flatMap((line, at) => {
    const isProse = isMarkdown || COMMENT.test(line);
    const read = isProse ? line.replaceAll(/`[^`]*`/g, "``") : line.replaceAll('"nobody"', "");
    const words = RULES.filter((rule) => rule.pattern.test(read)).map(
      ({ pattern, instead }) => `"${pattern.exec(read)?.[0].trim()}": ${instead}`,
    );
    const columns = wide.get(at);
    const width =
      columns === undefined ? [] : [`has ${columns} columns: wrap it at ${COLUMNS_MAX}`];
    return [...words, ...width].map((complaint) => `${file}:${at + 1} ${complaint}`);
  });
}

/** The columns of each comment of TypeScript that is too wide. URLs may be wider. */
function tooWideComments(text: string): ReadonlyMap<number, number> {
  const wide = new Map<number, number>();
  for (const [at, line] of text.split("\n").entries()) {
    const columns = [...line.replaceAll(URL_IN_TEXT, "")].length;
    if (columns > COLUMNS_MAX && TS_COMMENT.test(line)) wide.set(at, columns);
  }
  return wide;
}

/** The columns of each line of Markdown that is too wide. Tables, code and URLs may be wider. */
function tooWideLines(text: string): ReadonlyMap<number, number> {
  const wide = new Map<number, number>();
  let inCode = false;
  for (const [at, line] of text.split("\n").entries()) {
    if (FENCE.test(line)) inCode = !inCode;
    else if (!inCode && !TABLE_ROW.test(line)) {
      const columns = [...line.replaceAll(URL_IN_TEXT, "")].length;
      if (columns > COLUMNS_MAX) wide.set(at, columns);
    }
  }
  return wide;
}

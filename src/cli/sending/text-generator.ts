import { COMMON_WORD, type Locale, RARE_WORD } from "./sample-texts.ts";
import { type Picker, pickerByRank } from "./seeded-random.ts";

/**
 * The number of real and generated words of a language. Some occur in most texts, some in hardly
 * any.
 */
const WORDS_PER_LANGUAGE = 2_000;
const WORDS_EXPONENT = 1.3;
const WORDS_MIN = 3;
const WORDS_MAX = 7;
const LONG_TEXT_SENTENCES = 12;

/** Shares of all messages. Pictures and voice messages have no text. */
const COMMON = 0.01;
const RARE = 1 / 500_000;
const MISSING = 0.05;
const LONG = 0.06;
/** Shares of the sentences. */
const READY_MADE = 0.4;
const WITH_NUMBER = 0.2;

/** Texts of one language. */
export class TextGenerator {
  readonly #locale: Locale;
  readonly #words: readonly string[];
  readonly #pickWord: Picker = pickerByRank(WORDS_PER_LANGUAGE, WORDS_EXPONENT);
  readonly #random: () => number;

  constructor(locale: Locale, random: () => number) {
    this.#locale = locale;
    this.#words = vocabulary(locale.words.split(" "));
    this.#random = random;
  }

  /** `rare` makes sure that the text contains the rare word. */
  text({ rare = false }: { readonly rare?: boolean } = {}): string | null {
    const kind = this.#random();
    if (rare || this.#random() < RARE) return `${this.#sentence()} ${RARE_WORD}`;
    if (kind < COMMON) return `${this.#sentence()} ${COMMON_WORD}`;
    if (kind < MISSING) return null;
    if (kind < LONG)
      return Array.from({ length: LONG_TEXT_SENTENCES }, () => this.#sentence()).join("\n");
    return this.#sentence();
  }

  #sentence(): string {
    if (this.#random() >= READY_MADE) return this.#madeUp();
    const { texts } = this.#locale;
    const chosen = texts[Math.floor(this.#random() * texts.length)] as string;
    if (chosen.includes("{n}")) return chosen.replace("{n}", this.#number());
    return chosen.includes("{t}") ? chosen.replace("{t}", this.#time()) : chosen;
  }

  #madeUp(): string {
    const { between = " " } = this.#locale;
    let sentence = this.#words[this.#pickWord(this.#random())] as string;
    const words = WORDS_MIN + Math.floor(this.#random() * (WORDS_MAX - WORDS_MIN + 1));
    for (let word = 1; word < words; word++)
      sentence += between + this.#words[this.#pickWord(this.#random())];
    return this.#random() < WITH_NUMBER ? `${sentence} ${this.#number()}` : sentence;
  }

  #number(): string {
    return String(100_000 + Math.floor(this.#random() * 900_000));
  }

  #time(): string {
    return `${8 + Math.floor(this.#random() * 12)}:${this.#random() < 0.5 ? "00" : "30"}`;
  }
}

/**
 * The known words, followed by generated ones: the front of one word with the back of another, like
 * names of people and goods.
 */
function vocabulary(known: readonly string[]): readonly string[] {
  const words = [...known];
  for (let at = 0; words.length < WORDS_PER_LANGUAGE; at++) {
    const front = known[at % known.length] as string;
    const back = known[(at + 1 + Math.floor(at / known.length)) % known.length] as string;
    words.push(front.slice(0, Math.ceil(front.length / 2)) + back.slice(back.length >> 1));
  }
  return words;
}

import { foldCase } from "../../../domain/case-fold.ts";
import { StoreDamaged } from "../../../domain/errors.ts";
import { comparePositions, merge } from "../../list-position.ts";
import { ENTRY_FIELDS, type ListEntry } from "../sql.ts";
import { type Walked, walk } from "./walk.ts";

/** A message that is not in the read index. */
export interface TailRow extends ListEntry {
  readonly from: string;
  readonly to: string;
  /** The text as searches compare it. */
  readonly foldedText: string | null;
  /** How many characters it keeps. */
  readonly characters: number;
}

/** Its text is folded once, and only if a search needs it. */
class KeptRow implements TailRow {
  readonly seq: number;
  readonly instant: string;
  readonly messageId: string;
  readonly source: string;
  readonly from: string;
  readonly to: string;
  readonly characters: number;
  #text: string | null;
  #isFolded = false;

  constructor([seq, instant, messageId, source, from, to, text]: TailColumns) {
    this.seq = seq;
    this.instant = instant;
    this.messageId = messageId;
    this.source = source;
    this.from = from;
    this.to = to;
    this.characters = messageId.length + from.length + to.length + (text?.length ?? 0);
    this.#text = text;
  }

  get foldedText(): string | null {
    if (!this.#isFolded && this.#text !== null) this.#text = foldCase(this.#text);
    this.#isFolded = true;
    return this.#text;
  }
}

type TailColumns = readonly [
  seq: number,
  instant: string,
  messageId: string,
  source: string,
  from: string,
  to: string,
  text: string | null,
];

/** The part of a snapshot that says which messages are its tail. */
interface TailSnapshot extends Walked {
  readonly indexedSeq: number;
  readonly deletions: number;
}

/** 8 MB at most. A reading thread has a heap of 64 MB. */
const CHARACTERS_MAX = 4_000_000;

/**
 * The messages that are not in the read index, kept between the reads of one connection. So each of
 * them is read from the file once, and not by every read. Messages never change, and a deletion is
 * noticed by its generation.
 */
export class TailRows {
  readonly #charactersMax: number;
  /** In the order of lists. */
  #rows: readonly TailRow[] = [];
  #characters = 0;
  /** The kept messages are those after `#indexedSeq` up to `#seq`. */
  #indexedSeq = 0;
  #seq = 0;
  #deletions = 0;
  #isTooLarge = false;

  constructor(charactersMax = CHARACTERS_MAX) {
    this.#charactersMax = charactersMax;
  }

  /**
   * Those of a snapshot, in the order of lists. Undefined when they are too large to be kept.
   * Snapshots must come in the order of time.
   */
  of(snapshot: TailSnapshot): readonly TailRow[] | undefined {
    this.#dropIndexed(snapshot);
    if (!this.#isTooLarge) this.#readNew(snapshot);
    return this.#isTooLarge ? undefined : this.#rows;
  }

  #dropIndexed({ indexedSeq, deletions }: TailSnapshot): void {
    if (deletions === this.#deletions && indexedSeq === this.#indexedSeq) return;
    // An index that is rebuilt goes back.
    const isLater = deletions === this.#deletions && indexedSeq > this.#indexedSeq;
    if (isLater) {
      const rest = this.#rows.filter(({ seq }) => seq > indexedSeq);
      this.#keep(rest, Math.max(this.#seq, indexedSeq));
    } else this.#keep([], indexedSeq);
    this.#indexedSeq = indexedSeq;
    this.#deletions = deletions;
    this.#isTooLarge = false;
  }

  #readNew(snapshot: TailSnapshot): void {
    const rows: TailRow[] = [];
    let characters = this.#characters;
    let last = this.#seq;
    const sql = `SELECT ${ENTRY_FIELDS}, from_msisdn, to_msisdn, text FROM lyftr_messages NOT INDEXED
      WHERE seq > ? ORDER BY seq`;
    for (const columns of walk<TailColumns>(snapshot, { sql, values: [this.#seq] })) {
      requireTexts(columns);
      const row = new KeptRow(columns);
      characters += row.characters;
      if (characters > this.#charactersMax) {
        // They are read again when the index has gone on.
        this.#keep([], snapshot.indexedSeq);
        this.#isTooLarge = true;
        return;
      }
      last = row.seq;
      rows.push(row);
    }
    if (rows.length > 0) this.#keep(merge(this.#rows, rows.sort(comparePositions), false), last);
  }

  #keep(rows: readonly TailRow[], seq: number): void {
    this.#rows = rows;
    this.#seq = seq;
    this.#characters = rows.reduce((sum, row) => sum + row.characters, 0);
  }
}

/** SQLite returns what is in the file: a damaged byte can turn a text into something else. */
function requireTexts([_seq, instant, messageId, source, from, to, text]: TailColumns): void {
  if (
    typeof instant !== "string" ||
    typeof messageId !== "string" ||
    typeof source !== "string" ||
    typeof from !== "string" ||
    typeof to !== "string" ||
    (typeof text !== "string" && text !== null)
  )
    throw new StoreDamaged("a stored message has a value of the wrong kind");
}

import type { Random } from "../../support/random.ts";

const BYTES_MAX = 8_192;
const CHANGES_MAX = 6;
const PART_BYTES_MAX = 32;
const REPETITIONS_MAX = 64;

/** Bytes that mean something in one of the formats. */
const BYTES = Buffer.from(
  "\0\t\n\r \"#$%&'+,-./059:;<=>?@AZ[\\]^_`az{|}~\x7f\x80\xbf\xc3\xed\xff",
  "latin1",
);
const NUMBERS = ["0", "-1", "1e309", "9007199254740993", "1".repeat(40), "00", "+1", "0x10", "1.5"];
const OTHERS = [
  "\ud800",
  "\u0130",
  "\ufeff",
  "\u2028",
  "😀",
  "９",
  "é",
  "%00",
  "%ff",
  "%zz",
  "\\u0000",
];

/** Parts of inputs that a fuzzer puts together. */
export interface Material {
  readonly random: Random;
  /** Words of the format. */
  readonly dictionary: readonly string[];
  /** Another input, to take a part of. */
  readonly other: () => Buffer;
}

/** The input with some random changes. */
export function mutated(input: Buffer, material: Material): Buffer {
  let changed = input;
  // Mostly one or two changes: more of them rarely leave anything that a parser accepts.
  for (let done = 0; done === 0 || (done < CHANGES_MAX && material.random.chance(0.5)); done++)
    changed = change(changed, material);
  return changed.subarray(0, BYTES_MAX);
}

function change(input: Buffer, material: Material): Buffer {
  const { random, dictionary, other } = material;
  const at = random.between(0, input.length);
  const end = Math.min(input.length, at + random.between(0, PART_BYTES_MAX));
  const put = (part: Buffer | string) => {
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    // Inserted, written over as many bytes, or instead of some bytes.
    const behind = random.of([at, at + bytes.length, end]);
    return Buffer.concat([input.subarray(0, at), bytes, input.subarray(behind)]);
  };
  switch (random.between(0, 9)) {
    case 0:
      return flipped(input, random);
    case 1:
      return put(BYTES.subarray(random.between(0, BYTES.length - 1)).subarray(0, 1));
    case 2:
    case 3:
      return put(random.of(dictionary));
    case 4:
      return Buffer.concat([input.subarray(0, at), input.subarray(end)]);
    case 5:
      return put(partOf(other(), random));
    case 6:
      return put(random.of(NUMBERS));
    case 7:
      return put(random.of(OTHERS));
    case 8:
      return put(repeated(partOf(input, random), random.between(1, REPETITIONS_MAX)));
    default:
      return put(Buffer.from([random.between(0x20, 0x7e)]));
  }
}

function flipped(input: Buffer, random: Random): Buffer {
  if (input.length === 0) return input;
  const changed = Buffer.from(input);
  const at = random.between(0, input.length - 1);
  changed.writeUInt8(changed.readUInt8(at) ^ (1 << random.between(0, 7)), at);
  return changed;
}

function partOf(input: Buffer, random: Random): Buffer {
  const at = random.between(0, input.length);
  return input.subarray(at, at + random.between(0, PART_BYTES_MAX));
}

function repeated(part: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => part));
}

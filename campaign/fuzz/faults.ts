import type { Fault } from "../fault.ts";
import { forgedSignatures } from "./forged-signatures.ts";
import { parserFuzz } from "./parser-fuzz.ts";
import { schemaFuzz } from "./schema-fuzz.ts";
import { smuggling } from "./smuggling.ts";
import { socketFuzz } from "./socket-fuzz.ts";

/** Bad input: it must not crash the service, cause a 5xx or store what is not signed. */
export const BAD_INPUT: readonly Fault[] = [
  forgedSignatures,
  parserFuzz,
  socketFuzz,
  schemaFuzz,
  smuggling,
];

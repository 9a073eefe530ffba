import type { Fault } from "../fault.ts";
import { cutBackup } from "./backup.ts";
import { cutErasure, cutRetention } from "./deletion.ts";
import { cutImport } from "./import.ts";
import { cutIndexing } from "./indexing.ts";
import { cutBesideImport, powerCut } from "./under-load.ts";
import { cutUpgrade } from "./upgrade.ts";

/** Power cuts at work of different kinds. */
export const POWER_CUTS: readonly Fault[] = [
  powerCut,
  cutBesideImport,
  cutImport,
  cutRetention,
  cutErasure,
  cutUpgrade,
  cutBackup,
  cutIndexing,
];

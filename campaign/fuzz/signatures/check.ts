import { NativeProvider } from "../../../src/providers/native.ts";
import { SigningSecrets, sign } from "../../../src/providers/signature.ts";
import type { RoundResult } from "../../fault.ts";
import type { CheckOptions } from "../in-process.ts";
import { forge, randomBody } from "./forgeries.ts";

const SECRET = "testsecret";
const NOW_MS = 1_000_000;
/** How many forgeries are made from one genuine webhook. */
const FORGERIES_PER_WEBHOOK = 100;
const BROKEN_MAX = 20;

/**
 * Forges signatures of the verification in src/. Each genuine webhook is verified too, before and
 * between the forgeries: verification that refuses everything would prove nothing, and buffers that
 * are used again contain a genuine signature.
 */
export function checkForgeries({ random, executions, progress }: CheckOptions): RoundResult {
  const provider = new NativeProvider(
    new SigningSecrets([
      { name: "expired", secret: "expired secret", untilMs: NOW_MS },
      { name: "blank", secret: " " },
      { name: "current", secret: SECRET },
      { name: "other", secret: "a second secret" },
    ]),
  );
  const isAccepted = (body: Buffer, signature: unknown) => {
    const headers = signature === undefined ? {} : { "x-signature": signature as string };
    return provider.verify({ headers, body }, NOW_MS).ok;
  };
  const broken: string[] = [];
  let refused = 0;
  let genuine = 0;
  for (let made = 0; made < executions; ) {
    const body = randomBody(random, `m${made}`);
    const signature = sign(random.of([SECRET, "a second secret"]), body);
    for (let of = 0; of < FORGERIES_PER_WEBHOOK && made < executions; of++) {
      if (of % 10 === 0) {
        genuine++;
        const spelt = random.chance(0.5) ? signature : signature.toUpperCase();
        if (!isAccepted(body, spelt)) broken.push(`a genuine signature is refused: ${spelt}`);
      }
      const forgery = forge({ body, signature, random });
      if (forgery === undefined) continue;
      made++;
      if (!isAccepted(forgery.body, forgery.signature)) refused++;
      else broken.push(`accepted, ${forgery.trick}: ${forgery.signature} for ${forgery.body}`);
    }
    if (broken.length > BROKEN_MAX) break;
    progress();
  }
  return { counts: { refused, genuine }, broken: broken.slice(0, BROKEN_MAX) };
}

import type { WebhookSecret } from "../../api/secrets.ts";
import { sources as t } from "../../text/en/sources.ts";
import { fill } from "../../text/format.ts";
import { type Rotation, rotationOf, STEPS } from "./rotation.ts";

/** The four steps of a rotation, with the one that is next. */
export function Steps({ of }: { readonly of: readonly WebhookSecret[] }) {
  const rotation = rotationOf(of);
  const at = STEPS.indexOf(rotation.step);
  return (
    <section class="rotation" aria-labelledby="rotation-title">
      <h3 id="rotation-title">{t.stepsTitle}</h3>
      <ol class="steps">
        {STEPS.map((step, index) => (
          <li
            key={step}
            class={index < at ? "step done" : "step"}
            aria-current={index === at ? "step" : undefined}
          >
            <span class="step-number" aria-hidden="true">
              {index < at ? "✓" : index + 1}
            </span>
            <span>{t.steps[step]}</span>
          </li>
        ))}
      </ol>
      <p role="status">{adviceOf(rotation)}</p>
    </section>
  );
}

function adviceOf(rotation: Rotation): string {
  switch (rotation.step) {
    case "add":
      return t.stepAdd;
    case "give":
      return fill(t.stepGive, { newest: rotation.newest });
    case "watch": {
      const old = new Intl.ListFormat("en").format(rotation.old);
      return fill(t.stepWatch, { newest: rotation.newest, old });
    }
    case "retire":
      return fill(rotation.isInDatabase ? t.stepRetire : t.stepRetireEnvironment, {
        old: rotation.old,
      });
  }
}

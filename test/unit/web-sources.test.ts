import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { parseSecretRequest } from "../../src/domain/secret-request.ts";
import type { WebhookSecret } from "../../web/api/secrets.ts";
import {
  isSecretName,
  reasonOf,
  rotationOf,
  suggestedName,
} from "../../web/pages/sources/rotation.ts";

function secret(fields: Partial<WebhookSecret> = {}): WebhookSecret {
  return {
    name: "current",
    from: "WEBHOOK_SECRET",
    since: "2026-11-01T10:00:00.000Z",
    ends: null,
    last_verified_at: "2026-11-30T10:00:00.000Z",
    accepted_by: 1,
    may_be_retired: "no",
    may_retire: "no: it verified a message 4 s ago",
    ...fields,
  };
}

const autumn = secret({
  name: "autumn",
  from: "database",
  since: "2026-11-20T10:00:00.000Z",
  last_verified_at: null,
  may_be_retired: "not yet",
});

test("a rotation goes from adding a secret to retiring the old one", () => {
  const current = secret();
  deepEqual(rotationOf([]), { step: "add" });
  deepEqual(rotationOf([current]), { step: "add" });
  deepEqual(rotationOf([current, autumn]), { step: "give", newest: "autumn" });
  const used = { ...autumn, last_verified_at: "2026-11-30T10:00:00.000Z" };
  deepEqual(rotationOf([current, used]), { step: "watch", newest: "autumn", old: ["current"] });
  const unneeded = secret({ may_be_retired: "yes" });
  deepEqual(rotationOf([unneeded, used]), {
    step: "retire",
    old: "current",
    isInDatabase: false,
  });
  deepEqual(rotationOf([current, { ...used, may_be_retired: "yes" }]), {
    step: "retire",
    old: "autumn",
    isInDatabase: true,
  });
  deepEqual(rotationOf([secret({ may_be_retired: "ended" }), used]), { step: "add" });
});

test("a secret of unknown age is not taken for the newest", () => {
  const foreign = secret({ name: "previous_1", since: null, last_verified_at: null });
  deepEqual(rotationOf([foreign, autumn]), { step: "give", newest: "autumn" });
});

test("the reason has no answer before it, and its moments are those of the page", () => {
  const of = secret({
    may_be_retired: "not yet",
    may_retire: "not yet: it is new; check again after 2026-12-07T10:00Z (in the process 7 on a)",
  });
  equal(
    reasonOf(of, (at) => `<${at}>`),
    `it is new; check again after <${Date.UTC(2026, 11, 7, 10)}> (in the process 7 on a)`,
  );
  equal(reasonOf({ ...of, may_retire: "it is refused" }, String), "it is refused");
});

test("a suggested name is free, and one that the service accepts", () => {
  const now = Date.UTC(2026, 10, 30);
  const named = (...names: readonly string[]) => names.map((name) => secret({ name }));
  equal(suggestedName([], now), "2026-11");
  equal(suggestedName(named("2026-11", "2026-11-2"), now), "2026-11-3");
  for (const name of ["2026-11", "a", "a_b-c", "x".repeat(32)]) equal(isSecretName(name), true);
  for (const name of ["", "A", "current2", "previous", "-a", "x".repeat(33), "a b"]) {
    equal(isSecretName(name), false);
    equal(parseSecretRequest({ name }).ok, false);
  }
  equal(parseSecretRequest({ name: suggestedName([], now) }).ok, true);
});

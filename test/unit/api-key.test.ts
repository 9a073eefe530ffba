import { deepEqual, equal, match, notEqual, throws } from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import {
  type ApiKey,
  covers,
  endOf,
  hashOfKey,
  hintOfKey,
  isKey,
  isLive,
  KEY_NAME_PATTERN,
  KEY_PATTERN,
  keyOf,
} from "../../src/domain/api-key.ts";

const key = () => keyOf(randomBytes(32));

test("a key has the form that secret scanners look for, and its own checksum matches", () => {
  for (let made = 0; made < 1_000; made++) {
    const text = key();
    match(text, new RegExp(KEY_PATTERN));
    equal(text.length, 55);
    equal(isKey(text), true, text);
  }
});

test("the same bytes make the same key, other bytes another, at the ends of the range too", () => {
  const [none, one, all] = [
    new Uint8Array(32),
    new Uint8Array(32).fill(0, 0, 31),
    new Uint8Array(32).fill(255),
  ];
  one[31] = 1;
  equal(keyOf(none), keyOf(new Uint8Array(32)));
  equal(new Set([none, one, all].map(keyOf)).size, 3);
  for (const bytes of [none, one, all]) equal(isKey(keyOf(bytes)), true);
  match(keyOf(none), /^lyftr_0{43}/);
  match(keyOf(one), /^lyftr_0{42}1/);
  for (const count of [0, 31, 33])
    throws(() => keyOf(new Uint8Array(count)), new RangeError("a key needs 32 random bytes"));
});

test("a key with any one character changed, left out, added or swapped is invalid", () => {
  const text = key();
  for (let at = 0; at < text.length; at++) {
    for (const other of ["0", "z", "Z", "_", " ", "é"].filter(
      (character) => character !== text[at],
    ))
      equal(isKey(text.slice(0, at) + other + text.slice(at + 1)), false, `${at} ${other}`);
    equal(isKey(text.slice(0, at) + text.slice(at + 1)), false, `without ${at}`);
    equal(isKey(`${text.slice(0, at)}a${text.slice(at)}`), false, `more at ${at}`);
    const swapped = text.slice(0, at) + (text[at + 1] ?? "") + text[at] + text.slice(at + 2);
    if (swapped !== text) equal(isKey(swapped), false, `swapped at ${at}`);
  }
  for (const cut of [0, 1, 6, 10, 49, 54]) equal(isKey(text.slice(0, cut)), false);
  for (const near of [
    `${text}\n`,
    ` ${text}`,
    text.toLowerCase(),
    text.replace("lyftr_", "LYFTR_"),
    text + text,
  ])
    equal(isKey(near), false, near);
});

test("a text of another form is no key, even with the right checksum", () => {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const checked = (body: string) => {
    let text = "";
    for (let rest = crc32(body); text.length < 6; rest = Math.floor(rest / 62))
      text = `${digits[rest % 62]}${text}`;
    return body + text;
  };
  const body = key().slice(0, -6);
  equal(isKey(checked(body)), true, "so the checksum here is right");
  for (const other of ["", "lyftr_", body.slice(0, -1), `${body}0`, body.replace("lyftr", "other")])
    equal(isKey(checked(other)), false, other);
  equal(KEY_PATTERN, "^lyftr_[0-9A-Za-z]{49}$", "as secret scanners know it");
});

test("the name of a key has 1 to 64 letters, digits, dots, dashes and underscores", () => {
  const names = new RegExp(KEY_NAME_PATTERN);
  for (const name of ["a", "0", "grafana-1.prod_EU", "x".repeat(64)])
    equal(names.test(name), true, name);
  for (const name of ["", "-a", ".a", "_a", "a b", "a\n", "é", "a/b", "x".repeat(65)])
    equal(names.test(name), false, name);
});

test("a key is stored as its SHA-256, and the shown part does not reveal it", () => {
  const text = key();
  equal(hashOfKey(text), createHash("sha256").update(text).digest("hex"));
  equal(hintOfKey(text), text.slice(0, 10));
  notEqual(hintOfKey(text), hintOfKey(key()));
});

test("admin includes read, and not the other way round", () => {
  deepEqual(
    [
      covers("read", "read"),
      covers("read", "admin"),
      covers("admin", "read"),
      covers("admin", "admin"),
    ],
    [true, false, true, true],
  );
});

test("a key lives until it expires, retires or is revoked, whichever comes first", () => {
  const base: ApiKey = {
    id: "1",
    name: "n",
    scope: "read",
    hash: "h",
    hint: "lyftr_abcd",
    createdAt: "2025-01-01T00:00:00.000Z",
    expiresAt: null,
    retiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
  };
  const [early, late] = ["2025-02-01T00:00:00.000Z", "2025-03-01T00:00:00.000Z"];
  const before = "2025-01-31T23:59:59.999Z";
  equal(endOf(base), null);
  for (const [expiresAt, retiresAt] of [
    [early, null],
    [null, early],
    [early, late],
    [late, early],
  ] as const) {
    const limited = { ...base, expiresAt, retiresAt };
    equal(endOf(limited), early);
    deepEqual([isLive(limited, before), isLive(limited, early)], [true, false]);
  }
  equal(
    isLive({ ...base, revokedAt: late }, early),
    false,
    "a process whose clock is behind refuses it too",
  );
});

import { equal, match, ok } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { isIP } from "node:net";
import { namesType, preferredCoding } from "../../../../src/http/accept.ts";
import { addressOf, clientNetwork, inNetworks } from "../../../../src/http/client-address.ts";
import type { Route } from "../../../../src/http/route.ts";
import { maskedPath, pathOf, Router } from "../../../../src/http/router.ts";
import { cookiesIn } from "../../../../src/http/session-cookies.ts";
import { NativeProvider } from "../../../../src/providers/native.ts";
import { SigningSecrets } from "../../../../src/providers/signature.ts";
import type { Target } from "../fuzzer.ts";

const BODY = Buffer.from('{"message_id":"m1"}');
const MAC = createHmac("sha256", "testsecret").update(BODY).digest("hex");
const provider = new NativeProvider(new SigningSecrets([{ name: "own", secret: "testsecret" }]));

const signatures: Target = {
  name: "signature headers",
  seeds: [MAC, MAC.toUpperCase(), `sha256=${MAC}`, `${MAC}, ${MAC}`, ""],
  dictionary: [MAC, "sha256=", ", ", " ", "=", "v1=", "0x", '"', "\u0130", "\u017f", "\u212a"],
  run: (input) => {
    const header = input.toString(input.length % 2 === 0 ? "latin1" : "utf8");
    const headers = header === "none" ? {} : { "x-signature": header };
    const check = provider.verify({ headers, body: BODY }, 0);
    const digits = header.replace(/[A-F]/g, (digit) => digit.toLowerCase());
    equal(check.ok, digits === MAC);
    if (check.ok) return "ok";
    const { refusal } = check;
    return refusal.reason === "malformed" ? refusal.form : refusal.reason;
  },
};

const isProxy = inNetworks(["loopback", "linklocal", "uniquelocal"]);

const addresses: Target = {
  name: "X-Forwarded-For",
  seeds: [
    "203.0.113.7",
    "203.0.113.7:1234",
    "[2001:db8::1]:443",
    '"[::1]"',
    "::ffff:1.2.3.4",
    "fe80::1%eth0",
  ],
  dictionary: [
    "::",
    ":",
    ".",
    "[",
    "]",
    '"',
    "%",
    "%25",
    "ffff:",
    "0:",
    "127.0.0.1",
    "1.2.3.4",
    "fe80::",
  ],
  run: (input) => {
    const entry = input.toString("latin1");
    const address = addressOf(entry);
    const network = clientNetwork({ ip: entry, socket: { remoteAddress: "192.0.2.1" } });
    if (address === undefined) equal(network, "192.0.2.1");
    else ok(isIP(address) !== 0, address);
    match(network, /^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){3}::\/64)$/);
    return `${isIP(address ?? "")} ${isProxy(entry)} ${network.includes(":")}`;
  },
};

const handle = () => ({ status: 200 });
const PATHS = [
  "/messages",
  "/messages/export",
  "/messages/:message_id",
  "/secrets/:name/retire",
  "/ui/*",
];
const router = new Router(
  PATHS.map((path): Route => ({ method: "GET", path, access: "open", handle })),
);

const paths: Target = {
  name: "request targets",
  seeds: [
    ...["/messages", "/messages/m%201/", "/messages/export?limit=1", "/ui/assets/x.js"],
    ...["http://x/messages", "/secrets/a/retire#x", "/senders/919876543210", "*"],
  ],
  dictionary: [
    "/",
    "//",
    "%2f",
    "%2F",
    "%",
    "%25",
    "%zz",
    "?",
    "#",
    "..",
    ":",
    "http://",
    "messages",
    "retire",
  ],
  run: (input) => {
    const url = input.toString("latin1");
    const { template, params, route } = router.find({ method: "GET", url, headers: {} });
    equal(
      template === undefined,
      route === undefined && Object.keys(params).length === 0 && template === undefined,
    );
    for (const part of maskedPath(url).split("/")) ok(part === "#" || !/[0-9]{3}/.test(part), part);
    ok(pathOf(url).length <= url.length);
    return `${template} ${route === undefined} ${Object.keys(params).length}`;
  },
};

const lists: Target = {
  name: "Accept and Cookie",
  seeds: [
    "text/html,application/problem+json;q=0.9,*/*;q=0.8",
    "gzip, br;q=0",
    "lyftr_x=v1.a; b=c",
    "a",
  ],
  dictionary: [
    "q=",
    ";",
    ",",
    "=",
    "application/problem+json",
    "gzip",
    "br",
    "*",
    "0.5",
    "1.000",
    "; ",
  ],
  run: (input) => {
    const header = input.toString("latin1");
    const isNamed = namesType(header, "application/problem+json");
    if (isNamed) ok(header.toLowerCase().includes("application/problem+json"));
    const coding = preferredCoding(header, ["br", "gzip"]);
    if (coding !== undefined) ok(header.toLowerCase().includes(coding) || header.includes("*"));
    let cookies = 0;
    for (const [name, value] of cookiesIn(header)) {
      ok(!name.includes("=") && !value.includes(";"));
      cookies++;
    }
    return `${isNamed} ${coding} ${Math.min(cookies, 3)}`;
  },
};

export const HEADERS: readonly Target[] = [signatures, addresses, paths, lists];

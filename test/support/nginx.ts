import { ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { SELF_SIGNED } from "./certificate.ts";
import { freePorts, ServerFolder } from "./server-folder.ts";

const START_MS_MAX = 10_000;
const SHIPPED = new URL("../../deploy/nginx.conf", import.meta.url);

/**
 * nginx with deploy/nginx.conf in front of services, on its own ports and with its own certificate,
 * which this process then trusts.
 */
export interface Nginx extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly plainPort: number;
  /** Its access log so far. */
  log(): string;
  /** Its error log so far. */
  errors(): string;
  /** Its complaints so far. */
  complaints(): string;
}

/** The name of the host for people. */
export const INSIDE = "lyftr-inside.example.com";

/** What an operator adds to the file. */
export interface NginxAdditions {
  /** Before the file. */
  readonly maps?: string;
  /** In the host for people. */
  readonly inside?: string;
}

export async function startNginx(
  servicePorts: readonly number[],
  { maps = "", inside = "" }: NginxAdditions = {},
): Promise<Nginx> {
  const folder = new ServerFolder("nginx");
  try {
    const [port = 0, plainPort = 0] = await freePorts(2);
    const [certificate, key] = [join(folder.path, "tls.crt"), join(folder.path, "tls.key")];
    const subject = [
      "-subj",
      "/CN=localhost",
      "-addext",
      `subjectAltName=IP:127.0.0.1,DNS:${INSIDE}`,
    ];
    const files = ["-keyout", key, "-out", certificate];
    await folder.run("openssl", [...SELF_SIGNED, ...subject, ...files]);
    setDefaultCACertificates([...getCACertificates("default"), readFileSync(certificate, "utf8")]);
    const logs = {
      access: join(folder.path, "access.log"),
      errors: join(folder.path, "errors.log"),
    };
    const shipped = `${maps}\n${readFileSync(SHIPPED, "utf8")}`
      .replaceAll("listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`)
      .replaceAll("/etc/nginx/lyftr.crt", certificate)
      .replaceAll("/etc/nginx/lyftr.key", key)
      .replaceAll("/var/log/nginx/lyftr.log", logs.access)
      .replaceAll("/var/log/nginx/lyftr-error.log", logs.errors);
    const site = replaced(shipped, [
      ["listen 80;", `listen 127.0.0.1:${plainPort};`],
      // The other addresses of the loopback network are those of clients elsewhere.
      ["allow 127.0.0.0/8;", "allow 127.0.0.1/32;"],
      ["  # Each replica counts for itself,", `${inside}\n  # Each replica counts for itself,`],
      [
        "  server 127.0.0.1:8000 max_fails=0;",
        servicePorts.map((to) => `  server 127.0.0.1:${to} max_fails=0;`).join("\n"),
      ],
    ]);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    const main = folder.write(
      "nginx.conf",
      `daemon off;
pid ${join(folder.path, "nginx.pid")};
error_log stderr warn;
worker_processes 2;
events { worker_connections 1024; }
http {
  access_log off;
${temporary.map((name) => `  ${name}_temp_path ${join(folder.path, `${name}_temp`)};`).join("\n")}
  include ${folder.write("site.conf", site)};
}
`,
    );
    const child = folder.spawn("nginx", ["-p", folder.path, "-c", main, "-e", "stderr"]);
    const url = `https://127.0.0.1:${port}`;
    const deadline = performance.now() + START_MS_MAX;
    // Any answer will do.
    while (!(await fetch(`${url}/up`).then(Boolean, () => false))) {
      ok(
        child.exitCode === null && performance.now() < deadline,
        `nginx does not start:\n${folder.log()}`,
      );
      await setTimeout(20);
    }
    const log = () => readFileSync(logs.access, "utf8");
    const errors = () => readFileSync(logs.errors, "utf8");
    const complaints = () => folder.log();
    return {
      url,
      port,
      plainPort,
      log,
      errors,
      complaints,
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** Each of these occurs exactly once, and is replaced. */
function replaced(text: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((whole, [from, to]) => {
    ok(whole.split(from).length === 2, `deploy/nginx.conf has not exactly one ${from}`);
    return whole.replace(from, to);
  }, text);
}

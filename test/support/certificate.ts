import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The arguments of `openssl` for a new key with a certificate that it signs itself. */
export const SELF_SIGNED = "req -x509 -newkey rsa:2048 -nodes -days 1".split(" ");

export interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** Signs certificates with OpenSSL, with keys that are only in its folder. */
export class Authority {
  readonly certificate: string;
  readonly #folder: string;
  #made = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.#openssl("req -x509 -days 2 -subj /CN=authority -out ca.pem -keyout ca.key", NEW_KEY);
    this.certificate = readFileSync(join(folder, "ca.pem"), "utf8");
  }

  /** The default name is an address of this machine. With negative days it has expired. */
  certify({
    days = 1,
    name = "IP:127.0.0.1",
  }: {
    readonly days?: number;
    readonly name?: string;
  } = {}): Certificate {
    const base = `${++this.#made}`;
    this.#openssl(
      `req -subj /CN=server -addext subjectAltName=${name} -out ${base}.csr -keyout ${base}.key`,
      NEW_KEY,
    );
    this.#openssl(
      `x509 -req -in ${base}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy`,
      ["-days", `${days}`, "-out", `${base}.pem`],
    );
    const read = (ending: string) => readFileSync(join(this.#folder, `${base}.${ending}`));
    return { key: read("key"), cert: read("pem") };
  }

  #openssl(command: string, more: readonly string[]): void {
    execFileSync("openssl", [...command.split(" "), ...more], { cwd: this.#folder, stdio: "pipe" });
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

import { UnfitFile } from "../config/text-file.ts";
import { ConfigError, StoreDamaged, StoreRefused, StoreUnavailable } from "../domain/errors.ts";
import type { Issue } from "../domain/issue.ts";
import { REPAIR } from "../store/damage.ts";
import { CliError, EXIT_FAILED, EXIT_USAGE } from "./cli-error.ts";

/** An error message for the terminal, and the exit code. */
export interface Explanation {
  /** Complete lines: what is wrong and what to do. */
  readonly text: string;
  readonly exitCode: number;
}

/** Explains why a command failed. */
export function explain(error: unknown): Explanation {
  if (error instanceof CliError) return { text: `${error.message}\n`, exitCode: error.exitCode };
  if (error instanceof ConfigError) {
    const problems = error.problems.map((problem) => `  - ${problem}\n`).join("");
    return { text: `The configuration is wrong:\n${problems}`, exitCode: EXIT_USAGE };
  }
  return {
    text: `${inWords(error as NodeJS.ErrnoException & { port?: number })}\n`,
    exitCode: EXIT_FAILED,
  };
}

function inWords(error: NodeJS.ErrnoException & { port?: number }): string {
  const { code, path, port, message } = error;
  if (error instanceof StoreRefused) return `The database cannot be used: ${message}`;
  if (error instanceof StoreDamaged) return `The database is damaged: ${message}. ${REPAIR}.`;
  if (error instanceof StoreUnavailable) return `The database is unavailable: ${message}`;
  if (code === "EADDRINUSE")
    return `Port ${port} is taken. Stop the program that listens there, or choose another port: PORT=8001`;
  if (code === "EACCES" && port !== undefined) {
    return `This user may not use port ${port}. Choose a port above 1023: PORT=8000`;
  }
  if (code === "EADDRNOTAVAIL") return `HOST is not an address of this machine: ${message}`;
  return `lyftr failed: ${path === undefined ? message : fileProblem(error, path)}`;
}

const FILE_PROBLEMS: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `${path} does not exist.`,
  EACCES: (path) => `this user has no access to ${path}.`,
  EPERM: (path) => `this user may not change ${path}.`,
  EISDIR: (path) => `${path} is a folder.`,
  EEXIST: (path) => `${path} exists and is not a folder.`,
  ENOTDIR: (path) => `a part of the path ${path} is a file, not a folder.`,
  ENOSPC: (path) => `the disk of ${path} is full.`,
  EDQUOT: (path) => `the quota of this user on the disk of ${path} is used up.`,
  EROFS: (path) => `${path} is on a read-only file system.`,
};

/** Explains a failed file operation, as the end of a sentence. */
export function fileProblem(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof UnfitFile) return `${path} ${message}.`;
  return FILE_PROBLEMS[code ?? ""]?.(path) ?? `${path}: ${message}`;
}

const CONNECTION_PROBLEMS: Readonly<Record<string, (url: URL) => string>> = {
  ECONNREFUSED: ({ origin }) => `nothing listens at ${origin}`,
  ENOTFOUND: ({ hostname }) => `the name ${hostname} is unknown`,
  EAI_AGAIN: ({ hostname }) => `the name ${hostname} cannot be resolved now`,
  ECONNRESET: ({ origin }) => `${origin} closed the connection`,
  EPROTO: ({ origin }) => `${origin} does not speak TLS; is its address http:// instead?`,
  EPIPE: ({ origin }) => `${origin} closed the connection`,
  ETIMEDOUT: ({ origin }) => `${origin} cannot be reached`,
  EHOSTUNREACH: ({ origin }) => `${origin} cannot be reached`,
  ENETUNREACH: ({ origin }) => `${origin} cannot be reached`,
};

const CERTIFICATE_PROBLEMS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "is signed by an authority that this machine does not know",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "is signed by an authority that this machine does not know, or its chain is missing",
  UNABLE_TO_GET_ISSUER_CERT: "is signed by an authority that this machine does not know",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "is signed by an authority that this machine does not know",
  CERT_HAS_EXPIRED: "has expired",
  CERT_NOT_YET_VALID: "is not valid yet, by the clock of this machine",
  CERT_REVOKED: "was revoked",
  ERR_TLS_CERT_ALTNAME_INVALID: "is for another name",
};
/** OpenSSL's codes for other problems of a certificate. */
const CERTIFICATE_CODE = /CERT|^CRL_|_SIGNATURE|_CA$|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME_MISMATCH/;

/** Why a request got no answer. */
export function connectionProblem(error: unknown, url: URL): string {
  const { code = "", message } = rootOf(error);
  if (Object.hasOwn(CERTIFICATE_PROBLEMS, code) || CERTIFICATE_CODE.test(code)) {
    const what = CERTIFICATE_PROBLEMS[code];
    return `the certificate of ${url.origin} ${what ?? "is not accepted"} (${what === undefined ? message : code})`;
  }
  return CONNECTION_PROBLEMS[code]?.(url) ?? message;
}

/** fetch() and the client wrap the system's error in their own. */
function rootOf(error: unknown): NodeJS.ErrnoException {
  const { cause } = error as Error;
  return cause instanceof Error ? rootOf(cause) : (error as NodeJS.ErrnoException);
}

/** One problem of a message in a few words. It repeats no content of the message. */
export function issueInWords({ loc, msg }: Pick<Issue, "loc" | "msg">): string {
  const field = loc
    .filter((part) => typeof part === "string")
    .slice(1)
    .join(".");
  return field === "" ? msg : `${field}: ${msg}`;
}

import type { Issue } from "../domain/issue.ts";

const FILE_PROBLEMS: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `${path} does not exist.`,
  EACCES: (path) => `${path} may not be used by this user.`,
  EPERM: (path) => `${path} may not be changed by this user.`,
  EISDIR: (path) => `${path} is a folder.`,
  EEXIST: (path) => `${path} is there already and is no folder.`,
  ENOTDIR: (path) => `${path} leads through a file as if it were a folder.`,
  ENOSPC: (path) => `the disk of ${path} is full.`,
  EDQUOT: (path) => `the quota of this user on the disk of ${path} is used up.`,
  EROFS: (path) => `${path} is on a read-only file system.`,
};

/** What a failed file operation means, as the end of a sentence. */
export function fileProblem(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return FILE_PROBLEMS[code ?? ""]?.(path) ?? `${path}: ${message}`;
}

const CONNECTION_PROBLEMS: Readonly<Record<string, (url: URL) => string>> = {
  ECONNREFUSED: ({ origin }) => `nothing listens at ${origin}`,
  ENOTFOUND: ({ hostname }) => `the name ${hostname} is not known`,
  EAI_AGAIN: ({ hostname }) => `the name ${hostname} cannot be looked up now`,
  ECONNRESET: ({ origin }) => `${origin} broke the connection off`,
  EPROTO: ({ origin }) => `${origin} does not speak TLS; is its address http:// instead?`,
  EPIPE: ({ origin }) => `${origin} broke the connection off`,
  ETIMEDOUT: ({ origin }) => `${origin} cannot be reached`,
  EHOSTUNREACH: ({ origin }) => `${origin} cannot be reached`,
  ENETUNREACH: ({ origin }) => `${origin} cannot be reached`,
};

/** Why a request got no answer. */
export function connectionProblem(error: unknown, url: URL): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return CONNECTION_PROBLEMS[code ?? ""]?.(url) ?? message;
}

/** One problem of a message in a few words. Nothing of the message itself is repeated. */
export function issueInWords({ loc, msg }: Pick<Issue, "loc" | "msg">): string {
  const field = loc
    .filter((part) => typeof part === "string")
    .slice(1)
    .join(".");
  return field === "" ? msg : `${field}: ${msg}`;
}

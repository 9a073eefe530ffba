import { homedir } from "node:os";
import { CERTIFICATE_FILE_BYTES_MAX, fileReason, readTextFile } from "./text-file.ts";

const FORMS = "sqlite:///./data/app.db, sqlite:////data/app.db or postgres://user@host/database";
const FORM = `must look like ${FORMS}`;
/**
 * Parameters of Python's driver that mean nothing here. Any other parameter could change which file
 * is opened, or how.
 */
const PYTHON_PARAMETERS = [
  "autocommit",
  "cached_statements",
  "check_same_thread",
  "detect_types",
  "isolation_level",
  "timeout",
];

/**
 * Returns the URL of a SQLite or PostgreSQL database in one spelling, without the driver and the
 * parameters of SQLAlchemy. An error contains the correct spelling, so that a typo does not create
 * a file with a wrong name.
 */
export function databaseUrl(text = ""): string {
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]+):(.*)$/is.exec(text) ?? [];
  const [dialect = "", ...drivers] = scheme.toLowerCase().split("+");
  if (drivers.length <= 1 && ["postgres", "postgresql"].includes(dialect))
    return postgresUrl(`${dialect}:${rest}`);
  if (drivers.length <= 1 && dialect === "sqlite") return sqliteUrl(rest);
  if (dialect === "sqlite3") throw new Error(`${FORM}${suggestion(rest.replace(/^\/\/\/?/, ""))}`);
  // The path follows the two slashes: file:///data/app.db is /data/app.db.
  if (dialect === "file") throw new Error(`${FORM}${suggestion(rest.replace(/^\/\//, ""))}`);
  throw new Error(`${FORM}${scheme === "" || rest === "" ? suggestion(text) : ""}`);
}

function sqliteUrl(rest: string): string {
  const [address = "", query] = rest.split(/\?(.*)/s);
  const path = /^\/\/\/(.+)$/s.exec(address)?.[1];
  if (path?.includes(":memory:") || /^\/{0,3}$/.test(address))
    throw new Error(`must name a file, because messages in memory would be lost, such as ${FORMS}`);
  if (path === undefined) throw new Error(`${FORM}${suggestion(address.replace(/^\/\//, ""))}`);
  const problem = pathProblem(path);
  if (problem !== undefined) throw new Error(`${problem}${suggestion(path)}`);
  const unknown = [...new URLSearchParams(query).keys()].find(
    (key) => !PYTHON_PARAMETERS.includes(key.toLowerCase()),
  );
  if (unknown !== undefined)
    throw new Error(
      `has parameters that are not understood, ${unknown.slice(0, 32)} among them${suggestion(path)}`,
    );
  return `sqlite:///${path}`;
}

/** What would create a file with an unexpected name. */
function pathProblem(path: string): string | undefined {
  if (/^(\.\/)?~/.test(path)) return "has a ~, which is not expanded";
  if (/\$[A-Za-z_{(]/.test(path)) return "has a $, which is not expanded: write the full path";
  if (/%\(|%[A-Za-z_]+%|\{\{/.test(path))
    return "has a placeholder, which is not expanded: write the full path";
  if (/^[A-Za-z]:/.test(path) && process.platform !== "win32")
    return "has a drive letter, which only Windows has";
  if (path.includes("#")) return "has a # in its path, which is not supported";
  if (/^file:|:\/\//.test(path)) return "has a URL where its path should be";
  if (/%2f/i.test(path)) return "has %2F in its path, which is not decoded: write /";
  if (path.includes("\\") && process.platform !== "win32") return "has a \\ in its path: write /";
  if (/(^|\/)\.{0,2}$/.test(path)) return "names a folder, not a file";
  return undefined;
}

/** How to write the path as a URL. Text that may contain a password is not repeated. */
function suggestion(text: string): string {
  const path = (/^[^?#]*/.exec(text)?.[0] ?? "").replace(/^file:(\/\/)?/, "");
  const written = path
    .replace(/^(\.\/)?~(?=\/|$)/, homedir())
    .replaceAll(/%2f/gi, "/")
    .replaceAll("\\", "/");
  // A single word is `null`, or a secret that was meant for another variable.
  if (!/[./]/.test(written)) return "";
  if (/[@=$:~%{]|^\/*$|(^|\/)\.{0,2}$/.test(written)) return "";
  return `; write sqlite:///${written.startsWith("/") || written.startsWith("./") ? "" : "./"}${written}`;
}

const TLS_MODES = ["disable", "require", "verify-ca", "verify-full"];
const TLS_FILES = ["sslrootcert", "sslcert", "sslkey"];

function postgresUrl(text: string): string {
  const form = "must look like postgres://user:password@host:5432/database";
  // The text itself is never repeated, because it contains a password.
  const url = URL.parse(text);
  if (url === null) throw new Error(`${form}; special characters of a password are written %XX`);
  if (!text.startsWith(`${url.protocol}//`) || /[\0-\x20]|%00/.test(text)) throw new Error(form);
  if (!/^\/[^/]+$/.test(url.pathname))
    throw new Error(`${form}; the name of the database is missing`);
  const mode = url.searchParams.get("sslmode");
  if (mode !== null && !TLS_MODES.includes(mode))
    throw new Error(`has an sslmode that is not one of ${TLS_MODES.join(", ")}`);
  if (!["1", "0", "true", "no-verify", null].includes(url.searchParams.get("ssl")))
    throw new Error(
      "has ssl=, which belongs to another driver: write sslmode=require, or sslmode=disable for no TLS",
    );
  if (mode === "verify-ca" && !url.searchParams.has("sslrootcert"))
    throw new Error(
      "has sslmode=verify-ca, which needs sslrootcert=/path/to/ca.pem; or use verify-full",
    );
  for (const name of TLS_FILES) requireFile(name, url.searchParams.get(name));
  return text;
}

/** Checks a file that the driver reads at the start. The driver would wait for a pipe for ever. */
function requireFile(name: string, path: string | null): void {
  if (!path) return;
  try {
    readTextFile(path, CERTIFICATE_FILE_BYTES_MAX);
  } catch (error) {
    throw new Error(`has ${name}=${path}, a file that cannot be read: ${fileReason(error)}`);
  }
}

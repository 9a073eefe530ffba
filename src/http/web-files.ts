import { hash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";

/** The codings in which the build writes each file, the smallest first, and their endings. */
const CODINGS = [
  { coding: "br", ending: ".br" },
  { coding: "gzip", ending: ".gz" },
] as const;
export type Coding = (typeof CODINGS)[number]["coding"];

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};
const PAGE = "index.html";
const ASSETS = "assets/";
/** The built dashboard has a tenth of this, compressed forms included. */
const FILES_MAX = 1_000;
const BYTES_MAX = 8 * 1_024 * 1_024;
const TAG_CHARACTERS = 16;

/** One representation of a file: its bytes in a coding, and the entity tag of these bytes. */
export interface Representation {
  readonly bytes: Buffer;
  readonly tag: string;
}

export interface WebFile {
  readonly type: string;
  readonly plain: Representation;
  readonly coded: ReadonlyMap<Coding, Representation>;
}

/** The files of the dashboard: its page, and its assets by name. */
export interface WebFiles {
  readonly page: WebFile;
  readonly assets: ReadonlyMap<string, WebFile>;
}

/**
 * The files of the built dashboard, in memory. They are read at the first request: a service whose
 * dashboard is not opened pays nothing for it, neither at its start nor in memory. Afterwards
 * nothing is read again, so a name in a request never becomes the name of a file.
 */
export class WebFolder {
  readonly #folder: URL;
  #files: Promise<WebFiles | undefined> | undefined;

  /** The URL must end with a slash. */
  constructor(folder: URL) {
    this.#folder = folder;
  }

  /** Undefined when the dashboard is not built. Then the next request looks again. */
  files(): Promise<WebFiles | undefined> {
    if (this.#files !== undefined) return this.#files;
    const reading = readFiles(this.#folder);
    this.#files = reading;
    const forget = () => {
      if (this.#files === reading) this.#files = undefined;
    };
    reading.then((files) => files ?? forget(), forget);
    return reading;
  }
}

async function readFiles(folder: URL): Promise<WebFiles | undefined> {
  const names = await namesIn(folder);
  if (!names.includes(PAGE)) return undefined;
  if (names.length > FILES_MAX) throw new Error(`the dashboard has more than ${FILES_MAX} files`);
  const bytes = new Map<string, Buffer>();
  let size = 0;
  for (const name of names) {
    const read = await readFile(new URL(name, folder));
    size += read.length;
    if (size > BYTES_MAX) throw new Error(`the dashboard has more than ${BYTES_MAX} bytes`);
    bytes.set(name, read);
  }
  const files = new Map(
    names.flatMap((name) => {
      const file = webFile(name, bytes);
      return file === undefined ? [] : [[name, file] as const];
    }),
  );
  const page = files.get(PAGE);
  if (page === undefined) return undefined;
  const assets = [...files].filter(([name]) => name.startsWith(ASSETS));
  return {
    page,
    assets: new Map(assets.map(([name, file]) => [name.slice(ASSETS.length), file])),
  };
}

/** The page and the files of `assets/`, with their compressed forms. */
async function namesIn(folder: URL): Promise<readonly string[]> {
  const [top, assets] = await Promise.all([filesIn(folder), filesIn(new URL(ASSETS, folder))]);
  const ofPage = [PAGE, ...CODINGS.map(({ ending }) => PAGE + ending)];
  return [
    ...top.filter((name) => ofPage.includes(name)),
    ...assets.map((name) => ASSETS + encodeURIComponent(name)),
  ];
}

async function filesIn(folder: URL): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Undefined for a file of no known type, such as the compressed form of another one. */
function webFile(name: string, bytes: ReadonlyMap<string, Buffer>): WebFile | undefined {
  const type = TYPES[extname(name)];
  const plain = bytes.get(name);
  if (type === undefined || plain === undefined) return undefined;
  const coded = new Map<Coding, Representation>();
  for (const { coding, ending } of CODINGS) {
    const compressed = bytes.get(name + ending);
    if (compressed !== undefined) coded.set(coding, representation(compressed));
  }
  return { type, plain: representation(plain), coded };
}

function representation(bytes: Buffer): Representation {
  return { bytes, tag: hash("sha256", bytes, "base64url").slice(0, TAG_CHARACTERS) };
}

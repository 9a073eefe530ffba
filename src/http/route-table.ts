const PATH_CHARACTERS_MAX = 256;
const ORIGIN = /^https?:\/\/[^/?#]+/i;
const PART_CHARACTERS_MAX = 40;
/** A part of an unknown path that cannot be a number, an id or a secret: letters, and a version such as `v1`. */
const PLAIN_PART = /^[A-Za-z._~-]*(?:[A-Za-z][0-9]{1,2})?[A-Za-z._~-]*$/;

/** The routes of the service by their templates, such as `/messages/:message_id`. */
export class RouteTable {
  readonly #methods = new Map<string, readonly string[]>();
  readonly #parametric: string[] = [];

  add(template: string, methods: readonly string[]): void {
    if (template.includes("/:") && !this.#methods.has(template)) this.#parametric.push(template);
    this.#methods.set(template, [...(this.#methods.get(template) ?? []), ...methods]);
  }

  /** The methods a path answers to; none when there is no such route. */
  methodsOf(path: string): readonly string[] {
    return this.#methods.get(this.templateOf(path) ?? path) ?? [];
  }

  /** The route a path belongs to, whatever the method; undefined when there is none. */
  templateOf(path: string): string | undefined {
    if (this.#methods.has(path)) return path;
    return this.#parametric.find((template) => fits(path, template));
  }
}

/**
 * The path of a request target as the router reads it: without the query string, with percent-escapes
 * decoded, and without a trailing slash.
 */
export function pathOf(of: { readonly originalUrl: string } | string): string {
  const path = targetPath(typeof of === "string" ? of : of.originalUrl);
  const decoded = path.includes("%") ? decodedPath(path) : path;
  return decoded.length > 1 && decoded.endsWith("/") ? decoded.slice(0, -1) : decoded;
}

/**
 * The path for the log, of a request target without a route. People put phone numbers into paths, in
 * many spellings, so a part that is not plain words is left out.
 */
export function maskedPath(url: string): string {
  const parts = targetPath(url).slice(0, PATH_CHARACTERS_MAX).split("/");
  return parts.map((part) => (isPlain(part) ? part : "#")).join("/");
}

function isPlain(part: string): boolean {
  return part.length <= PART_CHARACTERS_MAX && PLAIN_PART.test(part);
}

/** The path alone, of a target that may name a host too (`GET http://host/path`). */
function targetPath(url: string): string {
  const target = url.startsWith("/") ? url : url.replace(ORIGIN, "");
  const end = target.search(/[?#]/);
  return end === -1 ? target : target.slice(0, end);
}

/** As the router decodes it: escaped separators stay escaped. */
function decodedPath(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

/** Whether a path has the parts of a template, `:name` standing for any part but an empty one. */
function fits(path: string, template: string): boolean {
  const parts = path.split("/");
  const wanted = template.split("/");
  return (
    parts.length === wanted.length &&
    wanted.every((part, at) => (part.startsWith(":") ? parts[at] !== "" : parts[at] === part))
  );
}

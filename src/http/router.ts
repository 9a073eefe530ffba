import type { IncomingMessage } from "node:http";
import type { Route, Target } from "./route.ts";

const PATH_CHARACTERS_MAX = 256;
const ORIGIN = /^https?:\/\/[^/?#]+/i;
const PART_CHARACTERS_MAX = 40;
/**
 * A part of an unknown path that cannot be a number, an id or a secret: letters, and a version such
 * as `v1`.
 */
const PLAIN_PART = /^[A-Za-z._~-]*(?:[A-Za-z][0-9]{1,2})?[A-Za-z._~-]*$/;
/** The id of a message has at most 1024 bytes, each of which may be escaped. */
const PARAMETER_CHARACTERS_MAX = 3 * 1_024;
const NO_PARAMS = {};

/** The routes of one path. */
interface Path {
  readonly template: string;
  readonly parts: readonly string[];
  readonly methods: string[];
  readonly first: Route;
  readonly routes: Map<string, Route>;
}

type Incoming = Pick<IncomingMessage, "method" | "url" | "headers">;

/** Finds the route of a request. */
export class Router {
  readonly #paths = new Map<string, Path>();
  readonly #withParameters: Path[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route);
  }

  find({ method = "", url = "", headers }: Incoming): Target {
    const path = pathOf(url);
    const found =
      this.#paths.get(path) ?? this.#withParameters.find(({ parts }) => fits(path, parts));
    if (found === undefined || found.first.isFor?.({ method, headers }) === false) {
      return {
        path,
        template: undefined,
        methods: [],
        ofPath: undefined,
        route: undefined,
        params: NO_PARAMS,
      };
    }
    const { template, methods, first: ofPath } = found;
    const params = found.parts.length === 0 ? NO_PARAMS : paramsIn(url, found.parts);
    const route = params && found.routes.get(method);
    return { path, template, methods, ofPath, route, params: params ?? NO_PARAMS };
  }

  #add(route: Route): void {
    const { path: template, method } = route;
    const isFixed = !/[:*]/.test(template);
    const parts = isFixed ? [] : template.split("/");
    const path: Path = this.#paths.get(template) ?? {
      template,
      parts,
      methods: [],
      first: route,
      routes: new Map(),
    };
    if (!this.#paths.has(template) && !isFixed) this.#withParameters.push(path);
    this.#paths.set(template, path);
    for (const one of method === "GET" ? ["GET", "HEAD"] : [method]) {
      path.methods.push(one);
      path.routes.set(one, route);
    }
  }
}

/**
 * The path of a request target: without the query string, with percent-escapes decoded (except
 * those of separators), and without a slash at the end. The older service redirected requests with
 * a slash. A sender that follows no redirect would treat a 404 as final.
 */
export function pathOf(url: string): string {
  const path = targetPath(url);
  const decoded = path.includes("%") ? (decodedBy(decodeURI, path) ?? path) : path;
  return decoded.length > 1 && decoded.endsWith("/") ? decoded.slice(0, -1) : decoded;
}

/**
 * The path of a request without a route, for the log. People put phone numbers into paths, in many
 * spellings, so parts that are not plain words are masked.
 */
export function maskedPath(url: string): string {
  const parts = targetPath(url).slice(0, PATH_CHARACTERS_MAX).split("/");
  return parts.map((part) => (isPlain(part) ? part : "#")).join("/");
}

function isPlain(part: string): boolean {
  return part.length <= PART_CHARACTERS_MAX && PLAIN_PART.test(part);
}

/** The path of a target that may include a host (`GET http://host/path`). */
function targetPath(url: string): string {
  const target = url.startsWith("/") ? url : url.replace(ORIGIN, "");
  const end = target.search(/[?#]/);
  return end === -1 ? target : target.slice(0, end);
}

/** Undefined for an invalid escape. */
function decodedBy(decode: (text: string) => string, text: string): string | undefined {
  try {
    return decode(text);
  } catch {
    return undefined;
  }
}

/** Whether a path matches a template, in which `:name` matches any part that is not empty. */
function fits(path: string, template: readonly string[]): boolean {
  const parts = path.split("/");
  const isLong =
    template.at(-1) === "*" ? parts.length >= template.length : parts.length === template.length;
  return (
    isLong &&
    template.every(
      (part, at) => part === "*" || (part.startsWith(":") ? parts[at] !== "" : parts[at] === part),
    )
  );
}

/**
 * The values of `:name` and `*` in a URL whose path matches. Undefined when one is too long or
 * cannot be decoded.
 */
function paramsIn(
  url: string,
  template: readonly string[],
): Readonly<Record<string, string>> | undefined {
  const parts = targetPath(url).split("/");
  const params: Record<string, string> = {};
  for (const [at, part] of template.entries()) {
    if (part !== "*" && !part.startsWith(":")) continue;
    const text = part === "*" ? parts.slice(at).join("/") : (parts[at] ?? "");
    const value =
      text.length > PARAMETER_CHARACTERS_MAX ? undefined : decodedBy(decodeURIComponent, text);
    if (value === undefined) return undefined;
    params[part === "*" ? "*" : part.slice(1)] = value;
  }
  return params;
}

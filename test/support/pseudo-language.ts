import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { Page } from "playwright-core";
import type { Plugin } from "vite";
import { buildWeb } from "../../scripts/web.ts";

// A dashboard in no language: each sentence of web/text/en is longer and has accents. What stays
// without accents is written in place, and what is cut has no room for a translation.

const SENTENCES = /\/web\/text\/en(?:\/[a-z-]+)?\.ts$/;
/** A text in quotes, with what tells that it is the name of a file or of a property. */
const LITERAL = /(from )?(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')(:)?/g;
const PLAIN = "AaEeIiOoUuCcNnSsYyZz";
const ACCENTED = "ÅåÉéÎîÖöÛûÇçÑñŠšÝýŽž";
/** How much longer German or Finnish may be. */
const LONGER = 0.4;

/** `Search` is `Šéåŕçh~~~`: longer by 40 %, with its `{parts}` as they are. */
export function pseudo(text: string): string {
  const accented = text
    .split(/(\{[a-zA-Z]+\})/)
    .map((part) => (part.startsWith("{") ? part : [...part].map(accentedLetter).join("")))
    .join("");
  const words = text.replace(/\{[a-zA-Z]+\}/g, "").trim();
  if (!/[A-Za-z]/.test(words)) return text;
  // Words, because a text of one word cannot be wrapped.
  const more = Math.ceil(words.length * LONGER);
  return `${accented}${" öé".repeat(Math.ceil(more / 3)).slice(0, more)}`;
}

function accentedLetter(letter: string): string {
  const at = PLAIN.indexOf(letter);
  return at === -1 ? letter : (ACCENTED[at] ?? letter);
}

function replaced(whole: string, file?: string, double?: string, single = "", name?: string) {
  if (file !== undefined || name !== undefined) return whole;
  return JSON.stringify(pseudo(double === undefined ? single : JSON.parse(`"${double}"`)));
}

const plugin: Plugin = {
  name: "pseudo-language",
  enforce: "pre",
  transform: (code, id) => (SENTENCES.test(id) ? code.replace(LITERAL, replaced) : undefined),
};

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".html": "text/html",
};

/** Builds it into a folder, and gives it to a page in the place of the dashboard. */
export async function pseudoDashboard(folder: string) {
  await buildWeb(folder, [plugin]);
  return (page: Page) =>
    page.route(
      (url) => url.pathname.startsWith("/ui/"),
      (route) => {
        const path = new URL(route.request().url()).pathname.slice("/ui/".length) || "index.html";
        const contentType = TYPES[extname(path)] ?? "text/plain";
        return route.fulfill({ contentType, body: readFileSync(join(folder, path)) });
      },
    );
}

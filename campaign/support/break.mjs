import { registerHooks } from "node:module";

// Preloaded into a process of the service: builds it wrong, as CAMPAIGN_REPLACEMENTS says. See
// controls.ts.

const SOURCES = new URL("../../src/", import.meta.url).href;
const replacements = JSON.parse(process.env.CAMPAIGN_REPLACEMENTS ?? "[]");

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const here = replacements.filter(({ file }) => url === SOURCES + file);
    if (here.length === 0) return loaded;
    let source = loaded.source.toString();
    for (const { from, to } of here) source = source.replace(from, () => to);
    return { ...loaded, source };
  },
});

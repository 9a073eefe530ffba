import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build, createServer, type InlineConfig, type Plugin, type Rolldown } from "vite";

// The dashboard (web/). `npm run web` serves it while it is changed, beside a running service;
// `scripts/build.ts` builds it into dist/web/.

const ROOT = fileURLToPath(new URL("../web", import.meta.url));
/** The service that `npm run web` sends the requests of the dashboard to. */
const SERVICE_DEFAULT = "http://127.0.0.1:8000";
const LICENSES = "licenses.txt";
const COMPRESSIBLE = /\.(html|js|css|svg|json)$/;
/** Small parts that the first load does not need are one file: each file costs some 200 bytes. */
const LATER_PARTS =
  /\/web\/(?:parts\/(?:answer|code|confirm|copy|dialog|field|moment|once|options|sender-bars|table|tabs|test-message)\.tsx|text\/en\/(?:once|test-message)\.ts)$/;
/** What the Inbox and the Overview both need, and the pages of a later load do not have alone. */
const SHARED_PARTS =
  /\/web\/(?:parts\/(?:clipboard|trouble)|api\/(?:timeline|test-messages)|live\/(?:bars|results)|state\/clock)\.tsx?$/;
/** The package of a module, from its path. */
const PACKAGE = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;

const SHARED: InlineConfig = {
  configFile: false,
  root: ROOT,
  // All addresses are relative, so that a proxy can put the service below a path.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
};

/**
 * Builds index.html, assets/ with hashed names, and licenses.txt into a folder. A test builds it
 * with other sentences, by a plug-in.
 */
export async function buildWeb(folder: string, plugins: readonly Plugin[] = []): Promise<void> {
  const built = await build({
    ...SHARED,
    plugins: [...plugins],
    logLevel: "warn",
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: ["chrome120", "firefox121", "safari17.4"],
      // The scripts that a page imports are loaded together with it. Every browser of the target
      // knows how.
      modulePreload: { polyfill: false },
      // The policy of the page allows no inline code and no `data:` address.
      assetsInlineLimit: 0,
      cssCodeSplit: true,
      reportCompressedSize: false,
      rolldownOptions: {
        // On a busy machine Rolldown would warn of slow plug-ins, in the output of `npm start`.
        checks: { bundlerTimings: false },
        output: {
          codeSplitting: {
            groups: [
              { name: "parts", test: LATER_PARTS },
              { name: "shared", test: SHARED_PARTS },
            ],
            includeDependenciesRecursively: false,
          },
        },
      },
    },
  });
  const chunks = (Array.isArray(built) ? built : [built]).flatMap((one) =>
    "output" in one ? one.output : [],
  );
  writeFileSync(join(folder, LICENSES), licensesOf(chunks));
  compress(folder);
}

/**
 * Writes the compressed forms of each file beside it, for the service to choose from. It spends no
 * time on compressing, and these are smaller than what could be made for each request.
 */
function compress(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!COMPRESSIBLE.test(name)) continue;
    const file = join(folder, name);
    const plain = readFileSync(file);
    for (const [ending, compressed] of [
      [".br", brotliCompressSync(plain)],
      [".gz", gzipSync(plain, { level: 9 })],
    ] as const)
      if (compressed.length < plain.length) writeFileSync(file + ending, compressed);
  }
}

/** The licence texts of the packages whose code is in the built scripts. */
function licensesOf(chunks: readonly (Rolldown.OutputChunk | Rolldown.OutputAsset)[]): string {
  const folders = new Map<string, string>();
  for (const chunk of chunks) {
    const modules = chunk.type === "chunk" ? chunk.moduleIds : [];
    for (const id of modules) {
      const [folder, name] = PACKAGE.exec(id) ?? [];
      if (folder !== undefined && name !== undefined) folders.set(name, folder);
    }
  }
  return [...folders]
    .sort()
    .map(([name, folder]) => licenseOf(name, folder))
    .join("\n\n");
}

function licenseOf(name: string, folder: string): string {
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly version: string;
  };
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (file === undefined) throw new Error(`${name} has no licence text, so it cannot be bundled`);
  return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
}

/** Serves web/ at /ui/ and passes every other request on to a running service. */
async function serveWeb(service: string): Promise<void> {
  const server = await createServer({
    ...SHARED,
    base: "/ui/",
    // Each package is served as it is: nothing is written to node_modules/.
    optimizeDeps: { noDiscovery: true, include: [] },
    server: {
      host: "127.0.0.1",
      proxy: { "^/(?!ui/)": { target: service } },
    },
  });
  await server.listen();
  server.printUrls();
}

if (import.meta.main) await serveWeb(process.argv[2] ?? SERVICE_DEFAULT);

// Runs first in every thread of the executable. Node mounts the files in it for the main thread only; a database thread gets those of
// domain/ and store/, which are all that it may import, at the same address: each thread counts its mounts from 0.
import { isMainThread } from "node:worker_threads";

if (!isMainThread) {
  const { getAsset, getAssetKeys } = await import("node:sea");
  const { MemoryProvider, VirtualFileSystem } = await import("node:vfs");
  const files = new VirtualFileSystem(new MemoryProvider(), { emitExperimentalWarning: false });
  for (const name of getAssetKeys().filter((name) =>
    /^(package\.json$|dist\/(domain|store)\/)/.test(name),
  )) {
    files.mkdirSync(`/${name.slice(0, name.lastIndexOf("/") + 1)}`, { recursive: true });
    files.writeFileSync(`/${name}`, Buffer.from(getAsset(name)));
  }
  files.mount();
}

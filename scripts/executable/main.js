import cluster from "node:cluster";

// What the executable runs, in the root of the files that are in it. A worker of `serve --workers` is the executable again; the argument by
// which Node says which program it is to run is one of the user's arguments there.
await import(cluster.isWorker ? "./dist/cli/workers/worker-main.js" : "./dist/main.js");

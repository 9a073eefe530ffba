import type { Control } from "../controls.ts";

/** Ways to build the service wrong that the faults of this folder must notice. */
export const FAULT_CONTROLS: Readonly<Record<string, Control>> = {
  "answer-in-spite-of-failure": {
    what: "a message is acknowledged although its transaction failed",
    replacements: [
      {
        file: "ingest/group-commit.ts",
        from: "      return await this.#refused(batch, error);\n",
        to: '      return () => batch.forEach(({ resolve }) => void resolve("created"));\n',
      },
    ],
  },
  "continue-after-io-error": {
    what: "an I/O error of a write or an fsync is treated like a full disk",
    replacements: [
      {
        file: "store/sqlite/connection.ts",
        from: "return new StoreBroken(",
        to: "return new StoreUnavailable(",
      },
    ],
  },
  "index-not-compared": {
    what: "a start does not compare the read index with the messages",
    replacements: [
      {
        file: "store/sqlite/index/connection.ts",
        from: "WHERE seq = 0 OR last_message IS (",
        to: "WHERE seq >= 0 OR last_message IS (",
      },
    ],
  },
  "index-not-rebuilt": {
    what: "a damaged read index is found and not rebuilt",
    replacements: [
      {
        file: "store/sqlite/sqlite-store.ts",
        from: "rebuildIndex: () => this.#rebuildIndex()",
        to: "rebuildIndex: async () => {}",
      },
    ],
  },
  "one-message-a-batch": {
    what: "each message has a transaction of its own",
    replacements: [
      {
        file: "ingest/group-commit.ts",
        from: "this.#take(this.#pace.rowsMax, BYTES_PER_BATCH_MAX)",
        to: "this.#take(1, BYTES_PER_BATCH_MAX)",
      },
    ],
  },
  "wait-for-locks": {
    what: "a statement waits a minute for the lock of another process",
    replacements: [
      {
        file: "store/sqlite/connection.ts",
        from: "export const BUSY_TIMEOUT_MS = 2_000;",
        to: "export const BUSY_TIMEOUT_MS = 60_000;",
      },
    ],
  },
  "import-skips-a-batch": {
    what: "an import continues behind a batch that was refused",
    replacements: [
      {
        file: "cli/importing/importer.ts",
        from: "        const isPassing = error",
        to: '        return rows.map(() => "created");\n        const isPassing = error',
      },
    ],
  },
  "deletion-half-visible": {
    what: "a read does not see both parts of a deletion at the same moment",
    replacements: [
      {
        file: "store/sqlite/reads/snapshot.ts",
        from: "!== deletions) return BETWEEN;",
        to: '!== deletions) statements.get("SELECT 1");',
      },
      {
        file: "store/postgres/reads/snapshot.ts",
        from: "ISOLATION LEVEL REPEATABLE READ READ ONLY",
        to: "READ ONLY",
      },
    ],
  },
  "cache-outlives-a-deletion": {
    what: "a deletion does not end the responses that are kept",
    replacements: [
      {
        file: "app/cache.ts",
        from: "writes.during(() => store.erase(step), anyGone)",
        to: "store.erase(step)",
      },
    ],
  },
  "revoked-key-accepted": {
    what: "an API key is accepted after it was revoked",
    replacements: [
      {
        file: "keys/api-keys.ts",
        from: ".filter(({ revokedAt }) => revokedAt === null)",
        to: "",
      },
    ],
  },
  "drain-does-not-wait": {
    what: "the process ends at SIGTERM without answering the requests under way",
    replacements: [
      {
        file: "cli/lifecycle.ts",
        from: '        log.info({ msg: "shutting down", signal });\n',
        to: "        process.exit(0);\n",
      },
    ],
  },
  "drain-refuses": {
    what: "requests that arrive while the process ends are refused",
    replacements: [
      {
        file: "http/load-shedder.ts",
        from: "    const reason = pace === undefined ?",
        to: '    const reason = pace === undefined && this.#options.isDraining() ? "pipelined" : pace === undefined ?',
      },
    ],
  },
  "no-unique-key": {
    what: "the key of a message has a random part, so each repeat is a new message",
    replacements: [
      {
        file: "ingest/group-commit.ts",
        from: "      this.#queue.push({ row, bytes,",
        to: "      row = { ...row, source: row.source + Math.random() };\n      this.#queue.push({ row, bytes,",
      },
    ],
  },
  "redis-is-always-asked": {
    what: "Redis is asked however often it fails",
    replacements: [
      {
        file: "redis/redis.ts",
        from: "if (this.#failuresInARow >= FAILURES_IN_A_ROW_MAX) this.#lose(client, reason);",
        to: "",
      },
    ],
  },
  "redis-has-no-deadline": {
    what: "a request waits a minute for Redis",
    replacements: [
      {
        file: "redis/redis.ts",
        from: "const CALL_MS_MAX = 50;",
        to: "const CALL_MS_MAX = 60_000;",
      },
    ],
  },
  "durations-by-wall-clock": {
    what: "durations are measured with the wall clock",
    replacements: [
      {
        file: "domain/clock.ts",
        from: "  monotonic: () => performance.now(),\n",
        to: "  monotonic: () => Date.now(),\n",
      },
    ],
  },
  "log-is-written-at-once": {
    what: "each line of the log is written before the request continues",
    replacements: [
      {
        file: "observe/stdout.ts",
        from: "    this.#texts.push(lines);\n",
        to: '    process.getBuiltinModule("node:fs").writeSync(STDOUT, lines);\n',
      },
    ],
  },
  "no-time-limits": {
    what: "headers and bodies may take ten minutes",
    replacements: [
      {
        file: "http/server.ts",
        from: "      headersTimeout: HEADERS_MS_MAX,\n      requestTimeout: REQUEST_MS_MAX,\n",
        to: "      headersTimeout: 600_000,\n      requestTimeout: 600_000,\n",
      },
    ],
  },
  "refusals-reset": {
    what: "a request that is refused under overload loses its connection instead of an answer",
    replacements: [
      {
        file: "http/load-shedder.ts",
        from: "    } else if (pace === undefined) {\n      this.#refuse(request, reason);\n",
        to: "    } else if (pace === undefined) {\n      request.raw.socket.destroy();\n",
      },
    ],
  },
};

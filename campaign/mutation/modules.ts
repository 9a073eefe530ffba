/** Source files that are mutated together, and the tests that must notice. */
export interface MutatedModule {
  readonly name: string;
  readonly files: readonly string[];
  /** Each mutant runs those that reach it, in this order. So quick and telling ones come first. */
  readonly tests: readonly string[];
}

export const MODULES: readonly MutatedModule[] = [
  {
    name: "signature",
    files: [
      "src/providers/signature.ts",
      "src/providers/native.ts",
      "src/providers/signature-refusal.ts",
    ],
    tests: ["test/unit/signature.test.ts", "test/unit/native-provider.test.ts"],
  },
  {
    name: "validation",
    files: [
      "src/domain/message.ts",
      "src/domain/body-fields.ts",
      "src/domain/timestamp.ts",
      "src/domain/json.ts",
      "src/domain/query-params.ts",
      "src/domain/message-query.ts",
      "src/domain/message-filter.ts",
    ],
    tests: [
      "test/unit/message.test.ts",
      "test/unit/message-query.test.ts",
      "test/unit/timestamp.test.ts",
      "test/unit/query-params.test.ts",
      "test/unit/body-fields.test.ts",
      "test/unit/json.test.ts",
    ],
  },
  {
    name: "cursor",
    files: ["src/domain/cursor.ts"],
    tests: ["test/unit/message-query.test.ts"],
  },
  {
    name: "authorisation",
    files: [
      "src/http/auth.ts",
      "src/http/session-cookies.ts",
      "src/domain/api-key.ts",
      "src/keys/api-keys.ts",
    ],
    tests: [
      "test/unit/api-key.test.ts",
      "test/unit/session-cookies.test.ts",
      "test/unit/auth.test.ts",
      "test/unit/known-keys.test.ts",
    ],
  },
  {
    name: "rate-limit",
    files: [
      "src/ratelimit/rate-limiter.ts",
      "src/http/rate-limit.ts",
      "src/http/client-address.ts",
      "src/domain/rate.ts",
    ],
    tests: [
      "test/unit/client-address.test.ts",
      "test/unit/rate.test.ts",
      "test/unit/rate-limiting.test.ts",
      "test/unit/redis-rate-limiter.test.ts",
      "test/unit/rate-limiter.test.ts",
    ],
  },
  {
    name: "retry",
    files: ["client/retry.ts", "client/request.ts", "client/gate.ts"],
    tests: ["test/client/retry.test.ts", "test/client/request.test.ts", "test/client/gate.test.ts"],
  },
];

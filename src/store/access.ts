/** One thing that somebody did. Neither secrets nor phone numbers are in it. */
export interface AuditEntry {
  /** When, as `2025-01-15T10:00:00.000Z`. */
  readonly at: string;
  /** Tells entries of one moment apart. */
  readonly id: string;
  /** Who: `key:NAME`, `ADMIN_API_KEY`, `cli` or `service`. */
  readonly actor: string;
  /** What: `key.created`, `secret.retired`, `sender.erased` … */
  readonly action: string;
  /** What it was done to, by name or id; empty where that must not be kept. */
  readonly subject: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** Who did what, in the order of time. It is added to by what it tells of, in the same transaction. */
export interface AuditLog {
  /** Adds an entry for what is done elsewhere or in many steps. */
  add(entry: AuditEntry): Promise<void>;
  /** The newest first, those before `before` (an `at`) if given. */
  newest(options: { readonly limit: number; readonly before?: string }): Promise<readonly AuditEntry[]>;
}

/** Who may come in, kept beside the messages. Every method is one transaction, and rejects as those of the store do. */
export interface AccessStore {
  readonly audit: AuditLog;
}

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

export type Row = Readonly<Record<string, unknown>>;
export type Values = readonly SQLInputValue[];

/** A connection whose statements are prepared once. There are few different statements. */
export class Statements {
  readonly db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();
  readonly #iterated = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.db = db;
  }

  all<T = Row>(sql: string, values: Values = []): readonly T[] {
    return this.#statement(sql).all(...values) as unknown as readonly T[];
  }

  /** The rows one after the other: only one of them is in memory. */
  each<T = Row>(sql: string, values: Values = []): Iterable<T> {
    return this.#statement(sql).iterate(...values) as unknown as Iterable<T>;
  }

  /** The same with each row as an array of its columns, which takes two thirds of the time. */
  iterate<T extends readonly unknown[]>(sql: string, values: Values = []): Iterable<T> {
    let statement = this.#iterated.get(sql);
    if (statement === undefined) {
      statement = this.db.prepare(sql);
      statement.setReturnArrays(true);
      this.#iterated.set(sql, statement);
    }
    return statement.iterate(...values) as unknown as Iterable<T>;
  }

  get<T = Row>(sql: string, values: Values = []): T | undefined {
    return this.#statement(sql).get(...values) as unknown as T | undefined;
  }

  /** The one number that a statement returns; 0 for null, or when there is no row. */
  number(sql: string, values: Values = []): number {
    return Number(Object.values(this.get(sql, values) ?? {})[0] ?? 0);
  }

  /** Returns the number of changed rows. */
  run(sql: string, values: Values = []): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  #statement(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.db.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

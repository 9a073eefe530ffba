// JSON Schema as OpenAPI 3.1 has it, for the documentation of the routes. These schemas describe
// and check nothing. A library for it made each start slower: docs/adr/0007.

/** A JSON Schema: its keywords and their values. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** A property that an object may leave out. It is no keyword, so JSON does not have it. */
const OPTIONAL = Symbol("optional");

type Properties = Readonly<Record<string, JsonSchema>>;

export interface ObjectSchema extends JsonSchema {
  readonly properties: Properties;
  /** The names of those that must be there. */
  readonly required?: readonly string[];
}

type Keywords = JsonSchema;

/** What makes schemas. The keywords are those of JSON Schema, such as `description`. */
export const Schema = {
  string: (keywords: Keywords = {}): JsonSchema => ({ type: "string", ...keywords }),
  integer: (keywords: Keywords = {}): JsonSchema => ({ type: "integer", ...keywords }),
  number: (keywords: Keywords = {}): JsonSchema => ({ type: "number", ...keywords }),
  boolean: (keywords: Keywords = {}): JsonSchema => ({ type: "boolean", ...keywords }),
  null: (keywords: Keywords = {}): JsonSchema => ({ type: "null", ...keywords }),
  /** Any value. */
  unknown: (keywords: Keywords = {}): JsonSchema => ({ ...keywords }),
  /** This value only. */
  literal: (value: string | boolean, keywords: Keywords = {}): JsonSchema => ({
    type: typeof value,
    const: value,
    ...keywords,
  }),
  array: (items: JsonSchema, keywords: Keywords = {}): JsonSchema => ({
    type: "array",
    items,
    ...keywords,
  }),
  union: (anyOf: readonly JsonSchema[], keywords: Keywords = {}): JsonSchema => ({
    anyOf,
    ...keywords,
  }),
  /** All properties are required but those of `optional`. */
  object: (properties: Properties, keywords: Keywords = {}): ObjectSchema => {
    const names = Object.keys(properties);
    const required = names.filter((name) => !(OPTIONAL in (properties[name] as object)));
    return {
      type: "object",
      ...(required.length > 0 && { required }),
      properties,
      ...keywords,
    };
  },
  /** A property that may be missing. */
  optional: (schema: JsonSchema): JsonSchema => Object.assign({ ...schema }, { [OPTIONAL]: true }),
};

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { WireAnswer } from "../wire.ts";

/** The parts of a schema from which values are made. */
export interface ValueSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly ValueSchema[];
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly items?: ValueSchema;
  readonly examples?: readonly unknown[];
  readonly default?: unknown;
}

interface Content {
  readonly [type: string]: { readonly schema?: ValueSchema };
}

interface Documented {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: ValueSchema;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

export interface Operation extends Documented {
  readonly method: string;
  readonly path: string;
}

/** The OpenAPI document of the service: what it offers, and whether an answer keeps to it. */
export class Api {
  readonly operations: readonly Operation[];
  readonly #document: object;
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #validators = new Map<string, ValidateFunction | undefined>();

  constructor(document: {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Documented>>>>;
  }) {
    this.#document = document;
    this.operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, documented]) => ({
        ...documented,
        method: method.toUpperCase(),
        path,
      })),
    );
  }

  /** What is wrong with an answer, or undefined. */
  problemOf(operation: Operation, { status, headers, body }: WireAnswer): string | undefined {
    if (status >= 500 && !(status === 503 && headers["retry-after"] !== undefined))
      return `${status} ${body}`;
    const documented = operation.responses[status];
    if (documented === undefined) return `${status} is not documented: ${body}`;
    const [type = ""] = (headers["content-type"] ?? "").split(";");
    const validate = this.#validator(`${operation.method} ${operation.path} ${status} ${type}`, {
      schema: documented.content?.[type]?.schema,
    });
    if (validate === undefined)
      return body.length === 0 ? undefined : `${status} ${type} has no schema: ${body}`;
    const value = /[/+]json$/.test(type) ? JSON.parse(body.toString()) : body.toString();
    return validate(value)
      ? undefined
      : `${status} ${this.#ajv.errorsText(validate.errors)}: ${body}`;
  }

  #validator(
    name: string,
    { schema }: { readonly schema: object | undefined },
  ): ValidateFunction | undefined {
    if (!this.#validators.has(name)) {
      const components = Reflect.get(this.#document, "components");
      const validate = schema && this.#ajv.compile({ ...schema, components });
      this.#validators.set(name, validate);
    }
    return this.#validators.get(name);
  }
}

/**
 * JSON Schema 2020-12 of the parts of OpenAPI 3.1 that a small service uses; anything else in a
 * document is refused.
 */
export const OPENAPI_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  required: ["openapi", "info", "paths"],
  properties: {
    openapi: { type: "string", pattern: "^3\\.1\\.[0-9]+$" },
    jsonSchemaDialect: { type: "string" },
    info: {
      type: "object",
      required: ["title", "version"],
      properties: {
        title: { type: "string" },
        summary: { type: "string" },
        description: { type: "string" },
        termsOfService: { type: "string" },
        contact: { type: "object" },
        license: { type: "object", required: ["name"] },
        version: { type: "string" },
      },
      ...closed(),
    },
    servers: {
      type: "array",
      items: { type: "object", required: ["url"], properties: { url: { type: "string" } } },
    },
    paths: {
      type: "object",
      propertyNames: { pattern: "^(/|x-)" },
      additionalProperties: { $ref: "#/$defs/pathItem" },
    },
    webhooks: { type: "object", additionalProperties: { $ref: "#/$defs/pathItem" } },
    components: { $ref: "#/$defs/components" },
    security: { type: "array", items: { $ref: "#/$defs/security" } },
    tags: { type: "array", items: { $ref: "#/$defs/tag" } },
    externalDocs: { type: "object", required: ["url"] },
  },
  ...closed(),
  $defs: {
    pathItem: {
      type: "object",
      properties: {
        summary: { type: "string" },
        description: { type: "string" },
        parameters: { type: "array", items: { $ref: "#/$defs/parameter" } },
        ...Object.fromEntries(
          ["get", "put", "post", "delete", "options", "head", "patch", "trace"].map((name) => [
            name,
            { $ref: "#/$defs/operation" },
          ]),
        ),
      },
      ...closed(),
    },
    operation: {
      type: "object",
      required: ["responses"],
      properties: {
        tags: { type: "array", items: { type: "string" } },
        summary: { type: "string" },
        description: { type: "string" },
        externalDocs: { type: "object", required: ["url"] },
        operationId: { type: "string" },
        parameters: { type: "array", items: { $ref: "#/$defs/parameter" } },
        requestBody: {
          type: "object",
          required: ["content"],
          properties: {
            description: { type: "string" },
            content: { $ref: "#/$defs/content" },
            required: { type: "boolean" },
          },
          ...closed(),
        },
        responses: {
          type: "object",
          minProperties: 1,
          propertyNames: { pattern: "^([1-5]([0-9]{2}|XX)|default|x-.*)$" },
          additionalProperties: { $ref: "#/$defs/response" },
        },
        deprecated: { type: "boolean" },
        security: { type: "array", items: { $ref: "#/$defs/security" } },
      },
      ...closed(),
    },
    parameter: {
      type: "object",
      required: ["name", "in"],
      properties: {
        name: { type: "string" },
        in: { enum: ["query", "header", "path", "cookie"] },
        description: { type: "string" },
        required: { type: "boolean" },
        deprecated: { type: "boolean" },
        allowEmptyValue: { type: "boolean" },
        style: { type: "string" },
        explode: { type: "boolean" },
        allowReserved: { type: "boolean" },
        schema: { $ref: "#/$defs/schema" },
        example: {},
        examples: { type: "object" },
        content: { $ref: "#/$defs/content" },
      },
      oneOf: [{ required: ["schema"] }, { required: ["content"] }],
      if: { properties: { in: { const: "path" } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
      then: { required: ["required"], properties: { required: { const: true } } },
      ...closed(),
    },
    response: {
      type: "object",
      required: ["description"],
      properties: {
        description: { type: "string" },
        headers: {
          type: "object",
          additionalProperties: {
            type: "object",
            properties: {
              description: { type: "string" },
              required: { type: "boolean" },
              schema: { $ref: "#/$defs/schema" },
              example: {},
            },
            ...closed(),
          },
        },
        content: { $ref: "#/$defs/content" },
        links: { type: "object" },
      },
      ...closed(),
    },
    content: {
      type: "object",
      propertyNames: { pattern: "^[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+*-]+(;.*)?$" },
      additionalProperties: {
        type: "object",
        properties: {
          schema: { $ref: "#/$defs/schema" },
          example: {},
          examples: { type: "object" },
          encoding: { type: "object" },
        },
        ...closed(),
      },
    },
    components: {
      type: "object",
      properties: {
        schemas: { type: "object", additionalProperties: { $ref: "#/$defs/schema" } },
        ...Object.fromEntries(
          [
            "responses",
            "parameters",
            "examples",
            "requestBodies",
            "headers",
            "securitySchemes",
            "links",
            "callbacks",
            "pathItems",
          ].map((name) => [
            name,
            { type: "object", propertyNames: { pattern: "^[a-zA-Z0-9._-]+$" } },
          ]),
        ),
      },
      ...closed(),
    },
    tag: {
      type: "object",
      required: ["name"],
      properties: {
        name: { type: "string" },
        description: { type: "string" },
        externalDocs: { type: "object", required: ["url"] },
      },
      ...closed(),
    },
    security: {
      type: "object",
      additionalProperties: { type: "array", items: { type: "string" } },
    },
    schema: { $ref: "https://json-schema.org/draft/2020-12/schema" },
  },
} as const;

/** No other keys except extensions. */
function closed() {
  return { patternProperties: { "^x-": {} }, additionalProperties: false };
}

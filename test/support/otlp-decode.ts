// Decodes the spans of OTLP by its published numbers and names, not with the library that encoded
// them. Both encodings have the same result.

export interface SpanId {
  readonly traceId: string;
  readonly spanId: string;
}

export interface ReceivedSpan extends SpanId {
  /** Undefined for a span that begins a trace. */
  readonly parentSpanId: string | undefined;
  readonly traceState: string;
  readonly name: string;
  /** 1 is internal, 2 is a server. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly SpanId[];
  /** 0 is unset, 2 is an error. */
  readonly status: { readonly code: number; readonly message: string };
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: string;
}

type Fields = ReadonlyMap<number, readonly (Buffer | bigint)[]>;

/** The fields of one message of Protocol Buffers, by number. */
function fieldsOf(bytes: Buffer): Fields {
  const fields = new Map<number, (Buffer | bigint)[]>();
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error("a field goes beyond its message");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const read = { 0: varint, 1: () => take(8), 2: () => take(Number(varint())), 5: () => take(4) }[
      tag & 7
    ];
    if (read === undefined) throw new Error(`a field of type ${tag & 7}`);
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), read()]);
  }
  return fields;
}

const messages = (fields: Fields, number: number): readonly Fields[] =>
  (fields.get(number) ?? []).map((value) => fieldsOf(value as Buffer));
const bytesOf = (fields: Fields, number: number): Buffer =>
  (fields.get(number)?.[0] as Buffer) ?? Buffer.alloc(0);
const textOf = (fields: Fields, number: number): string => bytesOf(fields, number).toString("utf8");
const hexOf = (fields: Fields, number: number): string => bytesOf(fields, number).toString("hex");
const numberOf = (fields: Fields, number: number): number => Number(fields.get(number)?.[0] ?? 0n);

function attributesOf(all: readonly Fields[]): Record<string, unknown> {
  const valueIn = (value: Fields): unknown => {
    if (value.has(2)) return numberOf(value, 2) === 1;
    if (value.has(3)) return numberOf(value, 3);
    if (value.has(4)) return bytesOf(value, 4).readDoubleLE();
    return textOf(value, 1);
  };
  return Object.fromEntries(
    all.map((pair) => [textOf(pair, 1), valueIn(fieldsOf(bytesOf(pair, 2)))]),
  );
}

/** The spans of an ExportTraceServiceRequest in Protocol Buffers. */
export function decodeProtobuf(body: Buffer): readonly ReceivedSpan[] {
  return messages(fieldsOf(body), 1).flatMap((resourceSpans) => {
    const [resource] = messages(resourceSpans, 1).map((one) => attributesOf(messages(one, 1)));
    return messages(resourceSpans, 2).flatMap((scopeSpans) => {
      const [scope = ""] = messages(scopeSpans, 1).map((one) => textOf(one, 1));
      return messages(scopeSpans, 2).map((span): ReceivedSpan => {
        const [status] = messages(span, 15);
        return {
          traceId: hexOf(span, 1),
          spanId: hexOf(span, 2),
          traceState: textOf(span, 3),
          parentSpanId: hexOf(span, 4) || undefined,
          name: textOf(span, 5),
          kind: numberOf(span, 6),
          startNs: bytesOf(span, 7).readBigUInt64LE(),
          endNs: bytesOf(span, 8).readBigUInt64LE(),
          attributes: attributesOf(messages(span, 9)),
          links: messages(span, 13).map((link) => ({
            traceId: hexOf(link, 1),
            spanId: hexOf(link, 2),
          })),
          status: {
            code: status ? numberOf(status, 3) : 0,
            message: status ? textOf(status, 2) : "",
          },
          resource: resource ?? {},
          scope,
        };
      });
    });
  });
}

interface JsonPair {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly JsonPair[];
  readonly links?: readonly SpanId[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

interface JsonRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly JsonPair[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string };
      readonly spans: readonly JsonSpan[];
    }[];
  }[];
}

function jsonAttributes(pairs: readonly JsonPair[] = []): Record<string, unknown> {
  const valueIn = ({ value }: JsonPair) =>
    "intValue" in value ? Number(value.intValue) : Object.values(value)[0];
  return Object.fromEntries(pairs.map((pair) => [pair.key, valueIn(pair)]));
}

/** The same in JSON. */
export function decodeJson(body: Buffer): readonly ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(body.toString("utf8")) as JsonRequest;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map(({ traceId, spanId, name, kind, ...span }): ReceivedSpan => {
        return {
          traceId,
          spanId,
          name,
          kind,
          scope: scope.name,
          traceState: span.traceState ?? "",
          parentSpanId: span.parentSpanId || undefined,
          startNs: BigInt(span.startTimeUnixNano),
          endNs: BigInt(span.endTimeUnixNano),
          attributes: jsonAttributes(span.attributes),
          links: (span.links ?? []).map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
          status: { code: span.status?.code ?? 0, message: span.status?.message ?? "" },
          resource: jsonAttributes(resource.attributes),
        };
      }),
    ),
  );
}

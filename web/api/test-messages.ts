import { type Outcome, request } from "./request.ts";

/** `POST /test-messages`: a message that the service makes, signs and takes in. */
export interface TestMessage {
  readonly message_id: string;
  /** What became of it. Absent if it was only made. */
  readonly result?: string | null;
  readonly request: {
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
}

export function makeTestMessage(options: {
  readonly text?: string;
  readonly send: boolean;
}): Promise<Outcome<TestMessage>> {
  return request("test-messages", { method: "POST", body: options });
}

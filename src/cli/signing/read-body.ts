import { CliError, EXIT_USAGE } from "../cli-error.ts";
import { openInput, standardInput } from "../importing/input.ts";

/** The largest MAX_BODY_BYTES. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** The bytes of a file, or of standard input when `path` is `-`. */
export async function readBody(path: string): Promise<Buffer> {
  const input = path === "-" ? standardInput() : await openInput(path);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input.chunks(new AbortController().signal)) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX)
      throw new CliError(
        `${path} has more than ${BODY_BYTES_MAX} bytes, so it is not a webhook.`,
        EXIT_USAGE,
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

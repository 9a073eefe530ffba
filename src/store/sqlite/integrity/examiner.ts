import { serveLine } from "../worker-line.ts";
import { examineFile } from "./findings.ts";

// The code of a thread that reads a file from end to end, which takes seconds to minutes.
serveLine(({ path }: { path: string }) => ({
  examine: () => examineFile(path),
  close: () => undefined,
}));

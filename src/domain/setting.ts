/** A setting of the service as it may be shown: without secrets and passwords. */
export interface Setting {
  /** The environment variable. */
  readonly name: string;
  /** Null when it is not set. `set` stands for a secret. */
  readonly value: string | null;
  /**
   * Where the value comes from. `environment`: a variable or an option of the command. `file`: the
   * `.env` file, or the file that `NAME_FILE` names.
   */
  readonly from: "environment" | "file" | "default";
}

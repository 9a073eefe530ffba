import type { Setting } from "../../domain/setting.ts";
import { Schema } from "../json-schema.ts";
import { json } from "../reply.ts";
import type { Route, RouteSchema } from "../route.ts";
import { problemResponses } from "../schemas.ts";

/** `GET /settings`: the configuration with which this process was started. */
export function settingsRoute({ settings }: { readonly settings: readonly Setting[] }): Route {
  return {
    method: "GET",
    path: "/settings",
    access: "admin",
    schema: SCHEMA,
    handle: () => json(settings),
  };
}

const SCHEMA: RouteSchema = {
  operationId: "readSettings",
  summary: "Read the settings of the service",
  description:
    "What `lyftr check-config` shows: every environment variable, without secrets and passwords.",
  tags: ["administration"],
  response: {
    200: Schema.array(
      Schema.object({
        name: Schema.string({ description: "The environment variable." }),
        value: Schema.union([Schema.string(), Schema.null()], {
          description:
            "Its value, spelt as in the environment. `set` stands for a secret, `***` for what may be a password or a token in a URL. Null when it is not set.",
        }),
        from: Schema.string({
          enum: ["environment", "file", "default"],
          description:
            "`environment`: a variable, or an option of the command. `file`: the `.env` file, or the file that `NAME_FILE` names.",
        }),
      }),
      { description: "The settings, in the order of the documentation." },
    ),
    ...problemResponses(500, 503),
  },
};

import { ACCESS_VARIABLES, type AccessConfig } from "./access-variables.ts";
import { ALERT_VARIABLES, type AlertConfig } from "./alert-variables.ts";
import { SECRET_VARIABLES, type SecretConfig } from "./secret-variables.ts";
import { SERVER_VARIABLES, type ServerConfig } from "./server-variables.ts";
import { STORAGE_VARIABLES, type StorageConfig } from "./storage-variables.ts";
import { TRACING_VARIABLES, type TracingConfig } from "./tracing-variables.ts";
import type { Variable } from "./variable.ts";

/** All settings of the service. No module receives the whole: app.ts gives each its own part. */
export interface Config
  extends SecretConfig,
    ServerConfig,
    StorageConfig,
    AccessConfig,
    AlertConfig,
    TracingConfig {}

/** Every variable by subject, in the order of the documentation. */
export const VARIABLE_GROUPS = {
  "Webhook secrets": SECRET_VARIABLES,
  Server: SERVER_VARIABLES,
  "Database and cache": STORAGE_VARIABLES,
  "Access and rate limits": ACCESS_VARIABLES,
  "Built-in alerts": ALERT_VARIABLES,
  Traces: TRACING_VARIABLES,
} as const;

/** Every environment variable of the service. */
export const VARIABLES: { readonly [K in keyof Config]: Variable<Config[K]> } = {
  ...SECRET_VARIABLES,
  ...SERVER_VARIABLES,
  ...STORAGE_VARIABLES,
  ...ACCESS_VARIABLES,
  ...ALERT_VARIABLES,
  ...TRACING_VARIABLES,
};

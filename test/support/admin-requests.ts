import { bearer } from "./api-keys.ts";
import type { Service } from "./service.ts";

export interface Asked {
  readonly method?: string;
  /** Another key than that of the administrator. */
  readonly key?: string;
  /** Sent as JSON. A text is sent as it is. */
  readonly body?: unknown;
  /** Another service. */
  readonly own?: Service;
}

/** Returns a function that sends requests to a service, as an administrator. */
export function adminOf(service: Service, admin: string) {
  return (
    path: string,
    { method = "GET", key = admin, body, own = service }: Asked = {},
  ): Promise<Response> => {
    const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const headers = { ...bearer(key), "content-type": "application/json" };
    return fetch(own.url + path, { method, headers, body: payload ?? null });
  };
}

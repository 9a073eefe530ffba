const PREFIX = "lyftr_";
/** The length of every key. */
export const KEY_CHARACTERS = 55;

/** What a typed key looks like, before the service is asked. */
export function shapeOf(key: string): "empty" | "cut" | "long" | "possible" {
  if (key === "") return "empty";
  if (!key.startsWith(PREFIX) || key.length === KEY_CHARACTERS) return "possible";
  return key.length < KEY_CHARACTERS ? "cut" : "long";
}

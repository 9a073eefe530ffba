/** The driver would read `sslmode=require` as `verify-full`; people mean what it means to psql. */
export function withLibpqTls(url: string): string {
  const parsed = new URL(url);
  if (parsed.searchParams.has("sslmode")) parsed.searchParams.set("uselibpqcompat", "true");
  return parsed.href;
}

import { useState } from "preact/hooks";
import { readMessages } from "../../api/messages.ts";
import { serviceUrl } from "../../api/request.ts";
import { checkFilter } from "../../live/search.ts";
import { Answer } from "../../parts/answer.tsx";
import { LinkButton } from "../../parts/button.tsx";
import { Code } from "../../parts/code.tsx";
import { Options } from "../../parts/options.tsx";
import { PageHead } from "../../parts/page.tsx";
import { SearchField } from "../../parts/search-field.tsx";
import { webhookUrl } from "../../parts/test-message.tsx";
import type { Filter, RouteOf } from "../../route.ts";
import { useResource } from "../../state/resource.ts";
import { needsKey } from "../../state/session.ts";
import { exports as t } from "../../text/en/exports.ts";
import { bytes, counted } from "../../text/format.ts";
import { estimatedBytes, exportCommand, exportPath, type Format } from "./files.ts";

const exportsOf = (filter: Filter): RouteOf<"exports"> => ({ page: "exports", filter });

export function Page({ route: { filter } }: { readonly route: RouteOf<"exports"> }) {
  const [format, setFormat] = useState<Format>("ndjson");
  const { usable } = checkFilter(filter);
  // One page has the exact count, and messages to estimate the size from.
  const page = useResource(JSON.stringify(usable), (signal, etag) =>
    readMessages({ filter: usable }, { signal, etag }),
  );
  return (
    <>
      <PageHead title={t.title} />
      <div class="stack">
        <p>{t.intro}</p>
        <div class="search-of-page">
          <SearchField filter={filter} routeOf={exportsOf} />
        </div>
        <Options
          label={t.format}
          value={format}
          options={[
            { value: "ndjson", text: t.ndjson, hint: t.ndjsonHint },
            { value: "csv", text: t.csv, hint: t.csvHint },
          ]}
          onChange={setFormat}
        />
        <Answer of={page} rows={1}>
          {({ data, total }) => {
            const size = bytes(estimatedBytes(data, total ?? 0, format));
            return (
              <p role="status">
                {total === 0 ? t.none : counted(t.size, total ?? 0).replace("{size}", size)}
              </p>
            );
          }}
        </Answer>
        <LinkButton
          kind="main"
          icon="exports"
          href={serviceUrl(exportPath(usable, format))}
          download
        >
          {t.download}
        </LinkButton>
        <p class="soft">{t.broken}</p>
        <p class="soft">{needsKey.value ? t.curl : t.curlOpen}</p>
        <Code
          text={exportCommand({
            service: webhookUrl(""),
            filter: usable,
            format,
            needsKey: needsKey.value,
          })}
        />
      </div>
    </>
  );
}

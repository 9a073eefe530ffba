import type { Overview } from "../../api/overview.ts";
import { countersOf, type ResultCount, refusedOf, requestsOf } from "../../live/results.ts";
import { type Mood, Sign, Skeleton } from "../../parts/notes.tsx";
import { PageHead } from "../../parts/page.tsx";
import { TroubleLine } from "../../parts/trouble.tsx";
import { addressOf } from "../../route.ts";
import { overview } from "../../state/overview.ts";
import { mayAdminister } from "../../state/session.ts";
import { resultTexts, rejected as t } from "../../text/en/rejected.ts";
import { counted, fill, moments, number } from "../../text/format.ts";
import "./rejected.css";

const SKELETON_ROWS = 6;

/** Which requests of senders were refused, why, and what to do about it. */
export function Page() {
  const service = overview.value;
  return (
    <div class="rejected">
      <PageHead title={t.title} />
      {service === undefined ? null : <TroubleLine {...service} />}
      {service?.value === undefined ? (
        <Skeleton rows={SKELETON_ROWS} />
      ) : (
        <Counters service={service.value} />
      )}
    </div>
  );
}

function Counters({ service: { results, conflicts, started_at } }: { service: Overview }) {
  const { refused, noted, never } = countersOf(results, conflicts);
  const requests = requestsOf(results);
  const moment = moments().brief(Date.parse(started_at), Date.now());
  const numbers = {
    created: results.created ?? 0,
    duplicate: results.duplicate ?? 0,
    refused: refusedOf(results),
  };
  return (
    <>
      <p class="rejected-summary">
        {requests === 0 ? t.noRequest : fill(counted(t.summary, requests), numbers)}{" "}
        <span class="soft">{fill(t.since, { moment })}</span>
      </p>
      <section class="panel">
        <div class="counters-head" aria-hidden="true">
          <span>{t.reason}</span>
          <span class="counter-count">{t.count}</span>
          <span>{t.meaning}</span>
          <span>{t.advice}</span>
        </div>
        <ul>
          {refused.map((each) => (
            <Counter key={each.result} {...each} mood="bad" />
          ))}
          {refused.length === 0 ? <li class="counter-none">{nothingRefused()}</li> : null}
          {noted.map((each) => (
            <Counter key={each.result} {...each} mood={moodOf(each)} />
          ))}
        </ul>
        {never.length === 0 ? null : (
          <p class="counter-none">
            <Sign mood="good" /> <span class="soft">{fill(t.never, { reasons: list(never) })}</span>
          </p>
        )}
      </section>
    </>
  );
}

function nothingRefused() {
  return (
    <>
      <Sign mood="good" /> {t.nothingRefused}
    </>
  );
}

function Counter({ result, count, mood }: ResultCount & { readonly mood: Mood }) {
  const text = resultTexts[result];
  return (
    <li class="counter">
      <h2 class="counter-name">
        <Sign mood={mood} /> <code>{result}</code>
      </h2>
      <p class="counter-count">
        <span class="visually-hidden">{t.count}</span> {number(count)}
      </p>
      <p class="counter-meaning">{text?.meaning ?? t.other}</p>
      <p class="counter-advice">
        {text?.advice}{" "}
        {result === "invalid_signature" && mayAdminister.value ? (
          <a href={addressOf({ page: "sources" })}>{t.sources}</a>
        ) : null}
      </p>
    </li>
  );
}

/** Repeated requests are ordinary. One id with two contents is a mistake of the sender. */
function moodOf({ result, count }: ResultCount): Mood {
  return result === "conflict" && count > 0 ? "warn" : "plain";
}

function list(names: readonly string[]): string {
  return new Intl.ListFormat("en", { type: "unit" }).format(names);
}

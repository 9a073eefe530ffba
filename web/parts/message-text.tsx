import { foundParts } from "../live/search.ts";
import { inbox as t } from "../text/en/inbox.ts";
import { piecesOf } from "../text/invisible.ts";

/** The text as it is: nothing is folded, linked or changed. What cannot be seen is shown. */
export function MessageText({ text, q }: { readonly text: string | null; readonly q: string }) {
  if (text === null || text === "")
    return <p class="message-text soft">{text === null ? t.noText : t.emptyText}</p>;
  return (
    <p class="message-text">
      <bdi dir="auto">
        {piecesOf(text).map((piece, at) =>
          piece.name === undefined ? (
            <Marked key={at} text={piece.text} q={q} />
          ) : (
            <span key={at} class="invisible" title={t.invisible}>
              {piece.name}
            </span>
          ),
        )}
      </bdi>
    </p>
  );
}

/** A text with the found parts marked. The text itself is not changed. */
export function Marked({ text, q }: { readonly text: string; readonly q: string }) {
  const found = foundParts(text, q);
  if (found.length === 0) return <>{text}</>;
  let end = 0;
  const pieces = found.flatMap(([from, to]) => {
    const piece = [text.slice(end, from), <mark key={from}>{text.slice(from, to)}</mark>];
    end = to;
    return piece;
  });
  return (
    <>
      {pieces}
      {text.slice(end)}
    </>
  );
}

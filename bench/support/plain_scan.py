"""Answers questions about a database of messages by reading every row once, in order, and doing the rest here: an opinion of its own,
in another language, on what the service answers. SQLite is only asked for rows; filters, order, case, counts and sums are Python's.

Input (JSON): {"database": PATH, "queries": {NAME: QUERY, ...}}; output: {NAME: ANSWER, ...}. A query is one of
  {"kind": "messages", "from", "to", "since", "until", "q", "after": [instant, id, source], "order": "desc", "offset", "limit"}
  {"kind": "stats"} · {"kind": "senders", "limit": 50} · {"kind": "timeline", "characters": 10}

Memory: the keys of a list up to the end of its page (some 110 bytes each, twice as many at most), and something for each sender.

Case is folded as JavaScript's text.toLowerCase().toUpperCase(). Both languages use the full mappings of Unicode, the final sigma
included; they can only differ in letters that one of the two does not know yet (Python 3.11: Unicode 14)."""
import json, re, sqlite3, sys

LENIENT = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d+))?(?:Z|\+00:00)?$", re.ASCII)
BEHIND = "\0\U0010ffff"


def fold(text):
    return text.lower().upper()


def instant_of(ts):
    """A spelling of the moment whose order is that of time; what is no timestamp stays as it is."""
    found = LENIENT.match(ts)
    if found is None:
        return ts
    fraction = (found[4] or "").rstrip("0")
    return f"{found[1]}T{found[2]}{found[3] or ':00'}{'.' + fraction if fraction else ''}"


class Messages:
    """A page of a list, and how many rows the whole list has."""

    def __init__(self, query):
        self.exact = [(at, query[name]) for at, name in ((3, "from"), (4, "to")) if query.get(name) is not None]
        self.since, self.until = query.get("since"), query.get("until")
        self.needle = None if query.get("q") is None else fold(query["q"])
        self.after = None if query.get("after") is None else "\0".join(query["after"]) + BEHIND
        self.offset, self.keep = query.get("offset", 0), query.get("offset", 0) + query.get("limit", 50)
        self.descending = query.get("order") == "desc"
        self.total, self.keys, self.last = 0, [], None

    def row(self, row, instant, key, folded):
        if any(row[at] != wanted for at, wanted in self.exact):
            return
        if self.since is not None and instant < self.since or self.until is not None and instant >= self.until:
            return
        if self.needle is not None and (row[6] is None or self.needle not in folded()):
            return
        self.total += 1
        if self.after is not None and key <= self.after:
            return
        if self.last is not None and (key < self.last if self.descending else key > self.last):
            return
        self.keys.append(key)
        if len(self.keys) > 2 * self.keep + 1000:
            self.cut()

    def cut(self):
        self.keys.sort(reverse=self.descending)
        del self.keys[self.keep :]
        if len(self.keys) == self.keep:
            self.last = self.keys[-1]

    def answer(self, db):
        self.cut()
        return {"total": self.total, "data": [stored(db, key) for key in self.keys[self.offset :]]}


def stored(db, key):
    sql = "SELECT message_id, from_msisdn, to_msisdn, ts, text, created_at FROM lyftr_messages WHERE rowid = ?"
    row = db.execute(sql, (int(key.rsplit("\0", 1)[1]),)).fetchone()
    return dict(zip(("message_id", "from", "to", "ts", "text", "created_at"), row))


class Senders:
    def __init__(self, query):
        self.limit, self.senders = query.get("limit", 50), {}

    def row(self, row, instant, key, folded):
        found = self.senders.setdefault(row[3], [0, instant, instant])
        found[0] += 1
        found[1], found[2] = min(found[1], instant), max(found[2], instant)

    def answer(self, db):
        first = sorted(self.senders.items())[: self.limit]
        data = [{"from": name, "count": found[0], "first": found[1], "last": found[2]} for name, found in first]
        return {"total": len(self.senders), "data": data}


class Stats(Senders):
    def answer(self, db):
        top = sorted(self.senders.items(), key=lambda item: (-item[1][0], item[0]))[:10]
        return {
            "total": sum(found[0] for found in self.senders.values()),
            "senders": len(self.senders),
            "top": [{"from": name, "count": found[0]} for name, found in top],
            "first": min((found[1] for found in self.senders.values()), default=None),
            "last": max((found[2] for found in self.senders.values()), default=None),
        }


class Timeline:
    def __init__(self, query):
        self.characters, self.spans = query["characters"], {}

    def row(self, row, instant, key, folded):
        if LENIENT.match(row[5]):
            start = instant[: self.characters]
            self.spans[start] = self.spans.get(start, 0) + 1

    def answer(self, db):
        return {"data": [{"start": start, "count": count} for start, count in sorted(self.spans.items())]}


KINDS = {"messages": Messages, "senders": Senders, "stats": Stats, "timeline": Timeline}


def main():
    asked = json.load(sys.stdin)
    queries = {name: KINDS[query["kind"]](query) for name, query in asked["queries"].items()}
    db = sqlite3.connect(f"file:{asked['database']}?mode=ro", uri=True)
    db.execute("BEGIN")
    for row in db.execute("SELECT rowid, source, message_id, from_msisdn, to_msisdn, ts, text FROM lyftr_messages"):
        instant = instant_of(row[5])
        key = f"{instant}\0{row[2]}\0{row[1]}\0{row[0]}"
        known = []

        def folded():
            if not known:
                known.append(fold(row[6]))
            return known[0]

        for query in queries.values():
            query.row(row, instant, key, folded)
    json.dump({name: query.answer(db) for name, query in queries.items()}, sys.stdout)


main()

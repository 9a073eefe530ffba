"""A service as people wrote it in Python before Lyftr, without its HTTP. Each line of standard input is a request in
JSON, each line of standard output what the service would have answered. An IntegrityError is a duplicate, as there."""
import json, sqlite3, sys

path, journal_mode, keep = sys.argv[1], sys.argv[2], sys.argv[3] != "open"
rolls_back = sys.argv[3] != "forget"
TABLE = """CREATE TABLE IF NOT EXISTS messages (message_id TEXT PRIMARY KEY, from_msisdn TEXT NOT NULL,
  to_msisdn TEXT NOT NULL, ts TEXT NOT NULL, text TEXT, created_at TEXT NOT NULL)"""
NAMED = "messages (message_id, from_msisdn, to_msisdn, ts, text, created_at)"
VALUES = "VALUES (?, ?, ?, ?, ?, ?)"
WRITES = {
    "insert": f"INSERT INTO messages {VALUES}",
    "named columns": f"INSERT INTO {NAMED} {VALUES}",
    "insert or ignore": f"INSERT OR IGNORE INTO messages {VALUES}",
    "insert or fail": f"INSERT OR FAIL INTO messages {VALUES}",
    "replace": f"INSERT OR REPLACE INTO {NAMED} {VALUES}",
    "upsert nothing": f"INSERT INTO {NAMED} {VALUES} ON CONFLICT DO NOTHING",
    "upsert update": f"INSERT INTO {NAMED} {VALUES} ON CONFLICT (message_id) DO UPDATE SET text = excluded.text",
    "returning": f"INSERT INTO {NAMED} {VALUES} RETURNING message_id",
    "upsert returning": f"INSERT INTO {NAMED} {VALUES} ON CONFLICT DO NOTHING RETURNING message_id",
    "ignore returning": f"INSERT OR IGNORE INTO {NAMED} {VALUES} RETURNING message_id",
    "look first": f"INSERT INTO {NAMED} {VALUES}",
}
kept = {}


def connection(way):
    if keep and way in kept:
        return kept[way]
    connection = sqlite3.connect(path, timeout=1)
    connection.execute(f"PRAGMA journal_mode = {journal_mode}").fetchall() if journal_mode == "wal" else None
    if keep:
        kept[way] = connection
    return connection


def webhook(request):
    db = connection(request["way"])
    row = (request["id"], "+1", "+2", "2025-01-15T10:00:00Z", "Hello", "2025-01-15T10:00:00.123456Z")
    try:
        if request["way"] == "look first" and db.execute("SELECT 1 FROM messages WHERE message_id = ?", row[:1]).fetchone():
            return "duplicate"
        cursor = db.execute(WRITES[request["way"]], row)
        written = cursor.fetchone() is not None if "returning" in request["way"] else cursor.rowcount != 0
        db.commit()
        return "created" if written else "duplicate"
    except sqlite3.IntegrityError:
        db.rollback()
        return "duplicate"
    except Exception:
        if rolls_back:
            db.rollback()
        raise
    finally:
        if not keep:
            db.close()


def start(index):
    db = connection("start")
    db.execute(TABLE)
    if index:
        db.execute("CREATE INDEX IF NOT EXISTS ix_messages_ts ON messages (ts)")
    db.commit()
    return "started"


def change(sql):
    db = connection("change")
    try:
        db.execute(sql).fetchall()
        db.commit()
        return "changed"
    except Exception:
        db.rollback()
        raise


def reads():
    db = connection("reads")
    total = db.execute("SELECT COUNT(*) FROM messages WHERE from_msisdn = ?", ("+1",)).fetchone()
    page = db.execute("SELECT * FROM messages ORDER BY ts ASC, message_id ASC LIMIT 50 OFFSET 0").fetchall()
    top = db.execute("SELECT from_msisdn, COUNT(*) n FROM messages GROUP BY from_msisdn ORDER BY n DESC LIMIT 10").fetchall()
    ends = db.execute("SELECT MIN(ts), MAX(ts) FROM messages").fetchone()
    return json.dumps([total, page, top, ends])


ROUTES = {
    "start": lambda request: start(False),
    "start_with_index": lambda request: start(True),
    "webhook": webhook,
    "change": lambda request: change(request["sql"]),
    "reads": lambda request: reads(),
}
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"status": 200, "outcome": ROUTES[request["do"]](request)}
    except Exception as error:
        answer = {"status": 500, "outcome": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)

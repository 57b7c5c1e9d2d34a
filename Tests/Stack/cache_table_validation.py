"""Conditional requests: the cache's to the origin (RFC 9111 §4.3), and clients' (RFC 9110 §13)."""
from cache_cases import PAUSE, At, case, hit, miss, validated

HOUR = "max-age=3600"
OLD, BEFORE = "Thu, 18 Aug 2011 02:01:18 GMT", "Wed, 17 Aug 2011 02:01:18 GMT"
AFTER = "Fri, 19 Aug 2011 02:01:18 GMT"
MODIFIED = ("Last-Modified", OLD)
TAG = ("ETag", '"abcdef"')
INM, IMS = "If-None-Match", "If-Modified-Since"

GENERATED = "RFC 9111 §4.3.1"
for name, fields, sent in [
        ("strong", [TAG], {INM: '"abcdef"'}),
        ("weak", [("ETag", 'W/"abcdef"')], {INM: 'W/"abcdef"'}),
        ("date", [MODIFIED], {IMS: OLD, INM: None}), ("both", [TAG, MODIFIED], {INM: '"abcdef"'}),
        ("empty-tag", [("ETag", '""')], {INM: '""'}),
        ("comma-in-tag", [("ETag", '"a,b"')], {INM: '"a,b"'}),
        ("octets-in-tag", [("ETag", '"\xe9"')], {INM: '"\xe9"'})]:
    case(f"validates-{name}", GENERATED, miss("max-age=1", *fields), PAUSE, validated(sent=sent),
         hit(age=(0, 2)))
case("validates-nothing-without-validator", GENERATED, miss("max-age=1"), PAUSE,
     miss("no-store", sent={INM: None, IMS: None}))
case("validates-with-the-fields-of-the-variant", GENERATED,
     miss("max-age=1", TAG, ("Vary", "Abc"), req=[("Abc", "123")]), PAUSE,
     validated(0, HOUR, ("Vary", "Abc"), req=[("Abc", "123")],
               sent={INM: '"abcdef"', "Abc": "123"}))
case("does-not-offer-the-tag-of-a-stranger-as-its-own", "RFC 9111 §4.1",
     miss(HOUR, TAG, ("Vary", "Abc"), req=[("Abc", "123")]),
     miss(HOUR, ("ETag", '"other"'), ("Vary", "Abc"), req=[("Abc", "456")],
          cache=("vary-miss",)), hit(1, req=[("Abc", "456")]))
case("replaced-by-a-full-answer", "RFC 9111 §4.3.3", miss("max-age=1", TAG), PAUSE,
     miss(HOUR, ("ETag", '"new"'), sent={INM: '"abcdef"'}), hit(1, has={"ETag": '"new"'}))
case("replaced-by-404", "RFC 9111 §4.3.3", miss("max-age=1", TAG), PAUSE,
     miss(HOUR, status=404), hit(1, status=404))
case("no-store-answer-to-validation", "RFC 9111 §4.3.3", miss("max-age=1", TAG), PAUSE,
     miss("no-store"), miss("no-store"))
case("304-keeps-what-it-does-not-say", "RFC 9111 §3.2", miss("max-age=1", TAG, ("X-A", "1"),
     ("Content-Type", "text/a")), PAUSE, validated(has={"X-A": "1", "Content-Type": "text/a"}),
     hit(has={"X-A": "1", "Content-Type": "text/a"}))
case("304-gives-new-freshness", "RFC 9111 §4.3.4", miss("max-age=1", TAG), PAUSE,
     validated(0, "max-age=1"), hit(), PAUSE, validated(), hit())
case("304-without-freshness-uses-the-stored", "RFC 9111 §4.3.4", miss("max-age=1", TAG), PAUSE,
     validated(0, None), hit())
case("304-resets-age", "RFC 9111 §4.2.3", miss("max-age=100", ("Age", "100"), TAG),
     validated(0, "max-age=100", ("Age", "0"), age=None), hit(age=(0, 1)))
case("304-does-not-store-hop-by-hop", "RFC 9111 §3.1", miss("max-age=1", TAG), PAUSE,
     validated(0, HOUR, ("Connection", "X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"),
               lacks=("X-Hop", "Keep-Alive")), hit(lacks=("X-Hop", "Keep-Alive")))
case("304-with-no-store", "RFC 9111 §4.3.4", miss("max-age=1", TAG), PAUSE,
     validated(0, "no-store"), miss(HOUR),
     choice="§4.3.4: an update that may no longer be stored ends the entry")
case("304-does-not-touch-other-targets", "RFC 9111 §4.3.4", miss("max-age=1", TAG, path="/a"),
     miss("max-age=1", TAG, path="/b"), PAUSE, validated(path="/a"),
     validated(1, path="/b"))

CLIENT = "RFC 9110 §13.1.2"
SHOWN = {"ETag": '"abcdef"', "Cache-Control": HOUR, "Date": None}
LACKS = ("Content-Length", "Content-Type")
for name, value in [("same", '"abcdef"'), ("weak-for-strong", 'W/"abcdef"'), ("star", "*"),
                    ("first", '"abcdef", "1", "2"'), ("middle", '"1", "abcdef", "2"'),
                    ("last", '"1", "2", "abcdef"'), ("no-blanks", '"1","abcdef"'),
                    ("empty-elements", ', ,"abcdef",'), ("among-weak", 'W/"1", W/"abcdef"'),
                    ("after-comma-in-tag", '"a,b", "abcdef"')]:
    case(f"if-none-match-{name}", CLIENT, miss(HOUR, TAG),
         hit(None, req=[(INM, value)], status=304, has=SHOWN))
for name, value in [("other", '"x"'), ("longer", '"abcdefg"'), ("shorter", '"abcde"'),
                    ("other-case", '"ABCDEF"'), ("inside-another", '"x, abcdef"'),
                    ("unquoted", "abcdef"), ("empty", "")]:
    case(f"if-none-match-not-{name}", CLIENT, miss(HOUR, TAG), hit(req=[(INM, value)]),
         choice="" if name not in ("unquoted", "empty") else "§13.1.2: not the grammar: no match")
case("if-none-match-two-lines", CLIENT, miss(HOUR, TAG),
     hit(None, req=[(INM, '"x"'), (INM, '"abcdef"')], status=304))
case("if-none-match-weak-stored", CLIENT, miss(HOUR, ("ETag", 'W/"abcdef"')),
     hit(None, req=[(INM, '"abcdef"')], status=304, has={"ETag": 'W/"abcdef"'}),
     hit(None, req=[(INM, 'W/"abcdef"')], status=304))
case("if-none-match-nothing-stored-to-match", CLIENT, miss(HOUR), hit(req=[(INM, '"abcdef"')]))
case("if-none-match-star-without-tag", CLIENT, miss(HOUR),
     hit(None, req=[(INM, "*")], status=304))
case("if-none-match-head", CLIENT, miss(HOUR, TAG),
     hit(None, req=[(INM, '"abcdef"')], status=304, method="HEAD"))
case("if-none-match-of-404", "RFC 9110 §13.2.1", miss(HOUR, TAG, status=404),
     hit(req=[(INM, '"abcdef"')], status=404),
     choice="§13.2.1: conditionals count only where 200 would be the answer")
case("304-has-what-a-200-would", "RFC 9110 §15.4.5",
     miss(HOUR, TAG, ("Vary", "X-A"), ("Content-Location", "/l"), ("Expires", AFTER),
          ("Content-Type", "text/plain"), req=[("X-A", "1")]),
     hit(None, req=[(INM, '"abcdef"'), ("X-A", "1")], status=304, lacks=LACKS[1:],
         has={**SHOWN, "Vary": "X-A", "Content-Location": "/l", "Expires": AFTER}))

SINCE = "RFC 9110 §13.1.3"
for name, value in [("same", OLD), ("later", AFTER), ("asctime", "Fri Aug 19 02:01:18 2011"),
                    ("rfc850", "Friday, 19-Aug-11 02:01:18 GMT")]:
    case(f"if-modified-since-{name}", SINCE, miss(HOUR, MODIFIED),
         hit(None, req=[(IMS, value)], status=304))
for name, value in [("earlier", BEFORE), ("invalid", "yesterday"), ("empty", ""), ("number", "0")]:
    case(f"if-modified-since-not-{name}", SINCE, miss(HOUR, MODIFIED), hit(req=[(IMS, value)]))
case("if-modified-since-before-date", "RFC 9111 §4.3.2", miss(HOUR), hit(req=[(IMS, OLD)]))
case("if-modified-since-after-date", "RFC 9111 §4.3.2", miss(HOUR),
     hit(None, req=[(IMS, At(60))], status=304),
     choice="§4.3.2: without Last-Modified, Date stands in for it")
for name, tag, since, status in [("match-not-since", '"abcdef"', BEFORE, 304),
                                 ("since-not-match", '"x"', AFTER, 200)]:
    case(f"precedence-{name}", SINCE, miss(HOUR, TAG, MODIFIED),
         hit(None if status == 304 else 0, req=[(INM, tag), (IMS, since)], status=status))

RECEIVED = "RFC 9111 §4.3.2"
UNCHANGED = (("Cache-Control", HOUR), TAG)
case("client-condition-when-stale-and-unchanged", RECEIVED, miss("max-age=1", TAG), PAUSE,
     miss("no-store", unchanged=UNCHANGED, req=[(INM, '"abcdef"')], seen=304), hit())
case("client-other-tag-when-stale-and-unchanged", RECEIVED, miss("max-age=1", TAG), PAUSE,
     miss("no-store", unchanged=UNCHANGED, req=[(INM, '"x"')], seen=200, of=0), hit())
case("client-condition-when-stale-and-changed", RECEIVED, miss("max-age=1", TAG), PAUSE,
     miss(HOUR, ("ETag", '"new"'), req=[(INM, '"abcdef"')], of=1), hit(1))
case("client-condition-when-nothing-is-stored", RECEIVED,
     miss(HOUR, TAG, unchanged=UNCHANGED, req=[(INM, '"abcdef"')], seen=304),
     miss(HOUR, TAG, fetches=None, unchanged=UNCHANGED, status=200))
case("304-to-a-client-is-not-stored-as-200", RECEIVED,
     miss(HOUR, TAG, unchanged=UNCHANGED, req=[(IMS, AFTER)], seen=304),
     miss("no-store", TAG, fetches=None, status=200, cache=None))
case("if-none-match-on-vary-miss", RECEIVED, miss(HOUR, TAG, ("Vary", "X-A"), req=[("X-A", "1")]),
     miss(HOUR, ("ETag", '"2"'), ("Vary", "X-A"), req=[("X-A", "2"), (INM, '"abcdef"')]))

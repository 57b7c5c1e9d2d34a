"""Each broken page must be found: a checker that says yes to everything would be of no use."""
import pytest

from check_exposition import check

CATALOGUE = {
    "a_total": {"type": "counter", "labels": ["route", "code"], "buckets": [], "help": "A.",
                "words": {}},
    "b_seconds": {"type": "histogram", "labels": ["cache"], "buckets": ["0.1", "1.0"],
                  "help": "B \\ b.", "words": {"cache": ["hit", "miss"]}},
    "c": {"type": "gauge", "labels": [], "buckets": [], "help": "C.", "words": {}},
}
TEXT = r"""# HELP a_total A.
# TYPE a_total counter
a_total{route="/a",code="200"} 1
a_total{route="/\"\\\n",code="_other"} 2
# HELP b_seconds B \\ b.
# TYPE b_seconds histogram
b_seconds_bucket{cache="hit",le="0.1"} 1
b_seconds_bucket{cache="hit",le="1.0"} 1
b_seconds_bucket{cache="hit",le="+Inf"} 2
b_seconds_sum{cache="hit"} 3.5
b_seconds_count{cache="hit"} 2
# HELP c C.
# TYPE c gauge
c -1.5
"""
OPEN = (
    TEXT.replace("# HELP a_total", "# HELP a").replace("# TYPE a_total", "# TYPE a")
    .replace('le="0.1"} 1', 'le="0.1"} 1 # {trace_id="' + "4b" * 16 + '"} 0.05')
    + "# EOF\n"
)
BROKEN_TEXT = [
    ("c -1.5\n", "c -1.5"), ("c -1.5", "c NaN"), ("c -1.5", "c +Inf"), ("c -1.5", "c inf"),
    ("c -1.5\n", "c -1.5\n\n"), ("c -1.5\n", "c -1.5\nc -1.5\n"), ("# TYPE c gauge\n", ""),
    ("c -1.5\n", 'c{x="y"} 1\n'), ("c -1.5\n", "d 1\n"), ("c -1.5\n", ""),
    ("# TYPE c gauge", "# TYPE c counter"), ("# HELP c C.", "# HELP c D."),
    ("# HELP c C.\n", "# HELP c C.\n# HELP c C.\n"), ("# HELP c C.\n", ""),
    ('code="200"} 1', 'code="200"} -1'), ('code="200"', 'code="999"'), ('code="200"', 'mode="2"'),
    ('route="/a",code="200"', 'code="200",route="/a"'), ('"/a"', '"/a\x00"'), ('"/a"', '"/a\r"'),
    ('"/a"', '"' + "x" * 129 + '"'), ('\\"', '"'), ('route="/\\"\\\\\\n",code="_other"',
                                                     'route="/a",code="200"'),
    ('le="1.0"} 1', 'le="1.0"} 0'), ('le="1.0"', 'le="1"'), ('le="1.0"', 'le="2.0"'),
    ('b_seconds_bucket{cache="hit",le="+Inf"} 2\n', ""), ('_count{cache="hit"} 2', '_count{cache="hit"} 1'),
    ('b_seconds_sum{cache="hit"} 3.5\n', ""), ('_sum{cache="hit"} 3.5', '_sum{cache="hit"} NaN'),
    ('cache="hit"', 'cache="maybe"'),
    ('le="0.1"} 1', 'le="0.1"} 1 # {trace_id="' + "4b" * 16 + '"} 0.05'),
    ("# HELP a_total A.", "# HELP z_total A."),
]
BROKEN_OPEN = [
    ("# EOF\n", ""), ("# EOF\n", "# EOF"), ("# EOF\n", "# EOF\n# EOF\n"), ("0.05", "0.5"),
    ("4b" * 16, "00" * 16), ("4b" * 16, "4B" * 16), ("# TYPE a c", "# TYPE a_total c"),
    ('"/a",code="200"} 1', '"/a",code="200"} 1 # {trace_id="' + "4b" * 16 + '"} 0.05'),
    ("a_total{route=\"/a\"", "a_created{route=\"/a\""),
]


def test_good_pages():
    assert check(TEXT.encode(), "text", CATALOGUE) == []
    assert check(OPEN.encode(), "openmetrics", CATALOGUE) == []


@pytest.mark.parametrize("old,new", BROKEN_TEXT)
def test_broken_text(old, new):
    assert old in TEXT
    assert check(TEXT.replace(old, new).encode(), "text", CATALOGUE)


@pytest.mark.parametrize("old,new", BROKEN_OPEN)
def test_broken_openmetrics(old, new):
    assert old in OPEN
    assert check(OPEN.replace(old, new).encode(), "openmetrics", CATALOGUE)


def test_groups():
    """Families out of order, or in two pieces, and bytes that are no text."""
    head, tail = TEXT.split("# HELP b_seconds")
    assert check(("# HELP b_seconds" + tail + head).encode(), "text", CATALOGUE)
    line = 'a_total{route="/z",code="200"} 1\n'
    assert check((TEXT + line).encode(), "text", CATALOGUE)
    assert check(TEXT.encode() + b"\xff\n", "text", CATALOGUE)

"""The cache against the RFCs, from outside: some 600 small cases, each with its section."""
import pytest

import cache_runner
import cache_tables
import upstream as upstreams
import harness


@pytest.fixture(scope="module")
def run(request):
    """One play of all the selected cases; the tests read what was seen."""
    selected = {item.callspec.params["case"].name for item in request.session.items
                if item.originalname == "test_conformance"}
    cases = [case for case in cache_tables.CASES if case.name in selected]
    with upstreams.Upstream() as upstream, harness.Proxy(upstream, workers=2) as proxy:
        run = cache_runner.Run(proxy.port, upstream, cases)
        run.play()
        yield run


@pytest.mark.parametrize("case", cache_tables.CASES, ids=lambda case: case.name)
def test_conformance(case, run):
    """Every answer is what the section says, and the origin is asked as often as it must be."""
    problems = run.problems[case.name]
    note = f"\nThe RFC leaves this open. {case.choice}" if case.choice else ""
    assert not problems, f"{case.section}: " + "\n".join(problems) + note


def test_the_table_is_whole():
    """No name twice, at least 400 cases, each with its section."""
    names = [case.name for case in cache_tables.CASES]
    assert len(names) == len(set(names)) >= 400
    assert all(case.section.startswith("RFC ") for case in cache_tables.CASES)

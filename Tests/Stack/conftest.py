"""Fixtures of the whole-system tests."""
import pathlib

import pytest

import harness
import upstream as upstreams


def pytest_configure(config):
    if not pathlib.Path(harness.BINARY).exists():
        raise pytest.UsageError(f"no binary at {harness.BINARY}: `make build`, or MELIPROXY_BIN")


@pytest.fixture
def start(request):
    """Starts an instance that ends with the test; its death is a failure of the test."""
    started = []

    def begin(*arguments, **options):
        proxy = harness.Proxy(*arguments, **options)
        proxy.may_end = False
        started.append(proxy)
        return proxy

    yield begin
    dead = [p for p in started if not p.may_end and not p.is_alive()]
    report = "\n".join(f"exit code {p.process.returncode}\n{p.stderr()[-4000:]}" for p in dead)
    for proxy in started:
        proxy.stop()
    assert not dead, f"the proxy died: {report}"


@pytest.fixture
def upstream():
    """A scripted upstream of the test's own."""
    with upstreams.Upstream() as server:
        yield server


class Shared:
    """One instance and upstream for a table of cases, begun again when the instance dies."""

    def __init__(self, settings):
        self.settings = settings
        self.upstream = upstreams.Upstream()
        self.proxy = None

    def ensure(self):
        """The running instance."""
        if self.proxy is None or not self.proxy.is_alive():
            self.proxy = harness.Proxy(settings=self.settings(self.upstream), workers=2)
            self.proxy.may_end = False
        return self.proxy

    def close(self):
        """Ends both."""
        if self.proxy:
            self.proxy.stop()
        self.upstream.close()


@pytest.fixture(scope="session")
def shared_instance():
    """Makes a `Shared`; all end with the session."""
    made = []

    def make(settings):
        made.append(Shared(settings))
        return made[-1]

    yield make
    for shared in made:
        shared.close()

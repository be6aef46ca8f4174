"""Making Dagster load the definitions anew. What real servers do is in tests/live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from custom_store_pipeline.errors import ConfigurationError, ReloadError
from custom_store_pipeline.orchestration.code_server import code_server, reload_server, reload_webserver
from custom_store_pipeline.settings import read_settings


class UnreachableError(Exception):
    pass


class Server:
    """A code server whose processes have the given ids, one after the other; None is a process that died."""

    def __init__(self, *processes: str | None, reload: Callable[[], None] = lambda: None) -> None:
        self.processes = list(processes)
        self.reloads = 0
        self._reload = reload

    def reload_code(self, timeout: int) -> None:
        self.reloads += 1
        if len(self.processes) > 1:
            self.processes.pop(0)
        self._reload()

    def get_server_id(self) -> str:
        if self.processes[0] is None:
            raise UnreachableError
        return self.processes[0]


def reload(server: Server) -> int:
    reload_server(server, timeout=1, is_unreachable=UnreachableError)
    return server.reloads


def test_one_reload_is_enough() -> None:
    assert reload(Server("old", "new")) == 1


def test_a_process_that_dies_while_it_starts_is_started_again() -> None:
    assert reload(Server("old", None, "old", "new")) == 3


def test_a_reload_whose_answer_is_lost_may_have_worked() -> None:
    def fail() -> None:
        raise UnreachableError

    assert reload(Server("old", "new", reload=fail)) == 1


@pytest.mark.parametrize("after", ["old", None])
def test_a_server_that_does_not_reload_is_cancelled(after: str | None) -> None:
    server = Server("old", after)

    with pytest.raises(ReloadError, match="has no new process: .* use `dagster code-server start`"):
        reload(server)
    assert server.reloads == 3


def test_what_else_the_client_raises_is_not_hidden() -> None:
    def fail() -> None:
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        reload(Server("old", "new", reload=fail))


class Origin:
    """Of a code location that the daemon loads itself."""

    location_name = "shop"


def context(origin: Any) -> dg.SensorEvaluationContext:
    found = dg.build_sensor_context()
    found._code_location_origin = origin
    return found


def test_a_tick_that_no_daemon_started_says_so() -> None:
    with pytest.raises(ReloadError, match="this tick was not started by a daemon"):
        code_server(context(None))


def test_a_daemon_that_loads_definitions_itself_is_no_code_server() -> None:
    assert code_server(context(Origin())) is None


# What Dagster's client itself does with the library below it.
@pytest.mark.filterwarnings("ignore:Using variable_values and operation_name:DeprecationWarning")
def test_a_webserver_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(ReloadError) as raised:
        reload_webserver("http://me:s3cr%2Ft@127.0.0.1:9/dagster", context(Origin()))  # discard: nobody listens there

    assert "the webserver at http://127.0.0.1:9/dagster cannot be reached (Transport" in str(raised.value)
    assert "s3cr" not in str(raised.value)


@pytest.mark.parametrize("url", ["localhost:3000", "ftp://localhost", "http://", "http://localhost:port", "x"])
def test_what_is_no_url_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CUSTOM_STORE_WEBSERVER_URL", url)

    with pytest.raises(ConfigurationError, match="CUSTOM_STORE_WEBSERVER_URL: not the URL of a webserver; write it as"):
        read_settings()

"""Making Dagster load the definitions anew, from inside a sensor's tick, in each way that a code location is served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError  # what a code server's client raises; no public name

from custom_store_pipeline import settings
from custom_store_pipeline.errors import ReloadError

# The tick's own process ends some 20 s after the new one has come up, and a tick may take a minute.
_ATTEMPTS = 3


class CodeServer(Protocol):
    """The part that is used here of Dagster's client of a code server."""

    def reload_code(self, timeout: int) -> Any:
        """Starts a new process with the definitions as they are now, and ends the old one."""

    def get_server_id(self) -> str:
        """Another one for each process."""


def reload_location(context: dg.SensorEvaluationContext) -> str:
    """Makes Dagster load the code location of a sensor anew.

    A code server that can be reloaded (``dagster dev``, ``dagster code-server start``) is told to. Where the daemon
    loads the code location itself, it does so every minute, and only a webserver needs to be told.

    Returns:
        What happens now, as people read it.

    Raises:
        ReloadError: the definitions are still the old ones.
    """
    origin: Any = context.code_location_origin
    if origin is None:
        raise ReloadError(
            "this tick was not started by a daemon, so there is no code location to reload; run it in `dagster dev`"
        )
    if hasattr(origin, "create_client"):
        reload_server(origin.create_client(), context.instance.code_server_reload_timeout)
        return "the definitions are loaded anew; what changed runs with the next tick"
    told = _tell_webserver(origin.location_name)
    return f"the daemon loads the definitions anew within a minute, then what changed runs; {told}"


def reload_server(
    server: CodeServer, timeout: int, is_unreachable: type[Exception] = DagsterUserCodeUnreachableError
) -> None:
    """Reloads a code server, again if its new process dies while it starts.

    That must not be left to the next tick: the old process, in which ticks run, ends with the reload, whether there is
    a new one or not, and the code server starts no other by itself.

    Args:
        server: the client of the server that the tick runs in.
        timeout: seconds that one reload may take.
        is_unreachable: what the client raises when there is no process.

    Raises:
        ReloadError: after three attempts there is no new process.
    """

    def server_id() -> str | None:
        return _or_none(server.get_server_id, is_unreachable)

    before = server_id()
    for _ in range(_ATTEMPTS):
        _or_none(lambda: server.reload_code(timeout=timeout), is_unreachable)
        if server_id() not in (None, before):
            return
    raise ReloadError(
        "the code server was told to reload, and has no new process: either that ended while it started (its log says "
        "why), or the server was started by `dagster api grpc` or with --fixed-server-id, which do not reload; use "
        "`dagster code-server start`"
    )


def _or_none(ask: Callable[[], str], is_unreachable: type[Exception]) -> str | None:
    try:
        return ask()
    except is_unreachable:
        return None


def _tell_webserver(location_name: str) -> str:
    url = settings.webserver_url()
    if url is None:
        return "a webserver shows the change after Deployment → Reload (set CUSTOM_STORE_WEBSERVER_URL, and it is told)"
    from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError, ReloadRepositoryLocationStatus
    from requests.auth import HTTPBasicAuth

    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
    auth = HTTPBasicAuth(parts.username, parts.password or "") if parts.username else None
    try:
        client = DagsterGraphQLClient(
            cast("str", parts.hostname),
            port_number=parts.port,
            use_https=parts.scheme == "https",
            path_prefix=parts.path.rstrip("/"),
            auth=auth,
            timeout=30,
        )
        answer = client.reload_repository_location(location_name)
    except DagsterGraphQLClientError as error:
        problem = f"cannot be reached ({type(error.__cause__ or error).__name__})"
    else:
        if answer.status == ReloadRepositoryLocationStatus.SUCCESS:
            return f"the webserver at {shown} was told"
        problem = f"could not reload '{location_name}': {answer.message}"
    raise ReloadError(
        f"the daemon loads the definitions anew within a minute, but the webserver at {shown} {problem}; it shows the "
        "old ones until Deployment → Reload; mend CUSTOM_STORE_WEBSERVER_URL, or unset it"
    )

"""Reloads the definitions from inside a sensor's tick, in each way that Dagster serves a code location."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit

import dagster as dg

from custom_store_pipeline.errors import ReloadError
from custom_store_pipeline.orchestration.dagster_internals import DagsterUserCodeUnreachableError

# The tick's own process ends some 20 s after the new one has come up, and a tick may take a minute.
_ATTEMPTS = 3


class CodeServer(Protocol):
    """The part that is used here of Dagster's client of a code server."""

    def reload_code(self, timeout: int) -> Any:
        """Starts a new process with the definitions as they are now, and ends the old one."""

    def get_server_id(self) -> str:
        """Another one for each process."""


def code_server(context: dg.SensorEvaluationContext) -> CodeServer | None:
    """The code server that a tick runs in, if it can reload; None where the daemon loads the definitions itself.

    ``dagster dev`` and ``dagster code-server start`` are such servers. A daemon that loads a module or a file reloads
    it every minute.

    Raises:
        ReloadError: the tick was not started by a daemon.
    """
    origin: Any = context.code_location_origin
    if origin is None:
        raise ReloadError(
            "this tick was not started by a daemon, so there is nothing to reload; run it in `dagster dev`"
        )
    return cast("CodeServer", origin.create_client()) if hasattr(origin, "create_client") else None


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
        "the code server was asked to reload, and has no new process: either that ended while it started (its log says "
        "why), or the server was started by `dagster api grpc` or with --fixed-server-id, which do not reload; use "
        "`dagster code-server start`"
    )


def _or_none(ask: Callable[[], str], is_unreachable: type[Exception]) -> str | None:
    try:
        return ask()
    except is_unreachable:
        return None


def reload_webserver(url: str, context: dg.SensorEvaluationContext) -> None:
    """Reloads a code location in a webserver.

    Args:
        url: the webserver; it may have a user and a password.
        context: a tick of the code location.

    Raises:
        ReloadError: the webserver could not be reached, or could not reload.
    """
    from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError, ReloadRepositoryLocationStatus
    from requests.auth import HTTPBasicAuth

    location: str = cast("Any", context.code_location_origin).location_name
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    shown = f"{parts.scheme}://{host}{parts.path}"
    auth = HTTPBasicAuth(unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    try:
        client = DagsterGraphQLClient(
            host, use_https=parts.scheme == "https", path_prefix=parts.path.rstrip("/"), auth=auth, timeout=30
        )
        answer = client.reload_repository_location(location)
    except DagsterGraphQLClientError as error:
        problem = f"cannot be reached ({type(error.__cause__ or error).__name__})"
    else:
        if answer.status == ReloadRepositoryLocationStatus.SUCCESS:
            return
        problem = f"could not reload '{location}': {answer.message}"
    raise ReloadError(
        f"the daemon reloads the definitions within a minute, but the webserver at {shown} {problem}; it shows the "
        "old ones until Deployment → Reload; fix CUSTOM_STORE_WEBSERVER_URL, or unset it"
    )

"""Dagster's webserver on the checkout's workspace, and questions to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.world.projects_folder import CHECKOUT, environment_of


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], home: Path, projects: Path, log: Path, cwd: Path = CHECKOUT, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command of Dagster's beside the test, and ends it like Ctrl+C does if it has not ended by itself."""
    program, *arguments = command
    with (
        log.open("a") as output,
        subprocess.Popen(
            [Path(sys.executable).parent / program, *arguments],
            cwd=cwd,
            env=environment_of(home, projects, **environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as server,
    ):
        try:
            yield server
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                pass
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def dagster_dev(
    home: Path,
    projects: Path,
    log: Path,
    cwd: Path = CHECKOUT,
    workspace: Path = CHECKOUT / "workspace.yaml",
    **environment: str,
) -> Iterator[str]:
    """Runs `dagster dev` on a workspace, by default the checkout's, and yields its address."""
    port = free_port()
    command = ["dagster", "dev", "-w", workspace, "-p", str(port)]
    with running(command, home, projects, log, cwd, **environment):
        yield f"http://127.0.0.1:{port}"


def ask(address: str, query: str, **variables: Any) -> dict[str, Any]:
    """The data of a GraphQL answer."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
    assert "errors" not in answer, answer
    return answer["data"]


def asset_keys(address: str) -> list[str]:
    """The keys of all assets that the webserver shows, once it is up."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if nodes := ask(address, "{ assetNodes { assetKey { path } } }")["assetNodes"]:
                return ["/".join(node["assetKey"]["path"]) for node in nodes]
        time.sleep(0.5)
    raise TimeoutError("the webserver did not come up")


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


_LAUNCH = """
    mutation ($params: ExecutionParams!) {
      launchPipelineExecution(executionParams: $params) { ... on LaunchRunSuccess { run { runId } } __typename }
    }
"""


def launch(address: str, *keys: str, location: str = "custom_store_pipeline.definitions") -> str:
    """Materializes assets as the UI's button does; returns the run's id."""
    selector = {
        "repositoryLocationName": location,
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": key.split("/")} for key in keys],
    }
    launched = ask(address, _LAUNCH, params={"selector": selector, "mode": "default"})["launchPipelineExecution"]
    return launched["run"]["runId"]


def terminate(address: str, run_id: str, seconds: float) -> None:
    """Terminates a run as the UI's button does, and waits until it has ended."""
    ask(address, "mutation ($id: String!) { terminateRun(runId: $id) { __typename } }", id=run_id)
    query = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
    wait_until(lambda: ask(address, query, id=run_id)["runOrError"]["status"] == "CANCELED", seconds)

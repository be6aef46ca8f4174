"""Files edited where Dagster runs as in production: a code server, a webserver and a daemon, each by itself."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.edited_shop import EditedShop
from tests.world.processes import asset_keys, free_port, running, wait_until
from tests.world.projects_folder import CHECKOUT, ProjectsFolder

pytestmark = pytest.mark.live

LOCATION = "custom_store_pipeline.definitions"


@pytest.fixture
def shop(projects: ProjectsFolder) -> EditedShop:
    return EditedShop(projects)


class Services:
    """The processes of one deployment."""

    def __init__(self, shop: EditedShop, stack: contextlib.ExitStack, **environment: str) -> None:
        self._shop = shop
        self._stack = stack
        self._environment = {"CUSTOM_STORE_SENSOR_INTERVAL": "5", **environment}

    def start(self, *command: str | Path) -> subprocess.Popen[bytes]:
        log = self._shop.projects.root / f"{Path(command[0]).name}.log"
        return self._stack.enter_context(
            running(command, self._shop.home, self._shop.projects.path, log, **self._environment)
        )

    def webserver(self, workspace: Path, port: int) -> str:
        self.start("dagster-webserver", "-w", workspace, "-p", str(port))
        address = f"http://127.0.0.1:{port}"
        asset_keys(address)
        return address


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def names(address: str) -> set[str]:
    return {key.rsplit("/", 1)[1] for key in asset_keys(address) if "/sqlite_store_driver/" in key}


def test_a_code_server_is_reloaded_and_comes_back_when_it_is_killed(
    shop: EditedShop, stack: contextlib.ExitStack
) -> None:
    services, port = Services(shop, stack), free_port()
    workspace = shop.projects.root / "workspace.yaml"
    workspace.write_text(f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: {LOCATION}}}\n")
    command = ("dagster", "code-server", "start", "-m", LOCATION, "-h", "127.0.0.1", "-p", str(port))
    server = services.start(*command)
    address = services.webserver(workspace, free_port())
    services.start("dagster-daemon", "run", "-w", workspace)
    wait_until(shop.ticks)

    saved = time.time()
    shop.write("b", 2, entities="b1, b2, b3")
    shop.wait_for_run_of("b1", "b2", "b3", since=saved)
    assert shop.runs() == [{"b1", "b2", "b3"}]
    wait_until(lambda: "b3" in names(address))

    # What a supervisor of containers does: the process is gone, with all its children, and is started again.
    os.killpg(server.pid, signal.SIGKILL)
    saved = time.time()
    shop.write("c", 2)
    services.start(*command)
    shop.wait_for_run_of("c1", "c2", since=saved)

    assert shop.runs()[1:] == [{"c1", "c2"}]


def test_a_code_server_that_cannot_reload_says_so(shop: EditedShop, stack: contextlib.ExitStack) -> None:
    services, port = Services(shop, stack), free_port()
    workspace = shop.projects.root / "workspace.yaml"
    workspace.write_text(f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: {LOCATION}}}\n")
    services.start("dagster", "api", "grpc", "-m", LOCATION, "-h", "127.0.0.1", "-p", str(port))
    services.start("dagster-daemon", "run", "-w", workspace)
    wait_until(shop.ticks)

    shop.write("b", 2)
    wait_until(lambda: shop.ticks()[-1].error)

    error = shop.ticks()[-1].error
    assert error is not None
    assert "has no new process: either that ended while it started (its log says why), or" in error.message


def test_a_daemon_that_loads_the_definitions_itself_reloads_the_webserver(
    shop: EditedShop, stack: contextlib.ExitStack
) -> None:
    port = free_port()
    services = Services(shop, stack, CUSTOM_STORE_WEBSERVER_URL=f"http://127.0.0.1:{port}/")
    address = services.webserver(CHECKOUT / "workspace.yaml", port)
    services.start("dagster-daemon", "run", "-w", CHECKOUT / "workspace.yaml")
    wait_until(shop.ticks)

    saved = time.time()
    shop.write("b", 2, entities="b1, b2, b3")
    wait_until(lambda: "b3" in names(address), 30)
    shop.wait_for_run_of("b1", "b2", "b3", since=saved, seconds=150)  # the daemon loads definitions every minute

    assert shop.runs() == [{"b1", "b2", "b3"}]
    reasons = [tick.skip_reason or "" for tick in shop.ticks()]
    assert "recorded the current state of 6 entities" in reasons[0]

"""Dagster's storage on a PostgreSQL server, and steps in processes of their own that share it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ProjectsFolder
from tests.engines.items import Items, wait_for
from tests.webserver import free_port

# SQLAlchemy 2.1 takes psycopg 3 for a bare `postgresql://`, and dagster-postgres brings psycopg 2.
STORAGE = """
telemetry: {{enabled: false}}
storage:
  postgres:
    postgres_db:
      scheme: postgresql+psycopg2
      hostname: 127.0.0.1
      port: {port}
      username: dagster
      password: {{env: PASSWORD_OF_DAGSTER}}
      db_name: postgres
"""


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[int]:
    """A server with the user `dagster`; yields its port."""
    bin_folder = max(Path("/usr/lib/postgresql").glob("*/bin"))
    # It refuses to run as root, as which CI runs.
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    data = folder / "postgres"
    data.mkdir(mode=0o700)
    password = folder / "password"
    password.write_text("secret of dagster")
    if user:
        shutil.chown(data, "postgres")
        for path in (folder, *folder.parents):
            path.chmod(path.stat().st_mode | 0o011)
        password.chmod(0o644)
    port = free_port()
    init = [bin_folder / "initdb", "-D", data, "-U", "dagster", "--auth=scram-sha-256", f"--pwfile={password}", "-N"]
    subprocess.run([*user, *init], check=True, stdout=subprocess.DEVNULL)
    settings = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={data}", "fsync=off"]
    command = [bin_folder / "postgres", "-D", data, *(part for setting in settings for part in ("-c", setting))]
    with (
        (folder / "postgres.log").open("w") as log,
        subprocess.Popen([*user, *command], stdout=log, stderr=log, start_new_session=True) as server,
    ):
        try:
            wait_for(lambda: "ready to accept connections" in (folder / "postgres.log").read_text(), 30)
            yield port
        finally:
            os.killpg(server.pid, signal.SIGINT)  # disconnects everybody and ends


@pytest.fixture
def items(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Items]:
    if not Path("/usr/lib/postgresql").exists():
        pytest.skip("PostgreSQL is not installed; .ci/run installs it")  # not in CI
    with postgres(projects.root) as port:
        monkeypatch.setenv("PASSWORD_OF_DAGSTER", "secret of dagster")
        (projects.home / "dagster.yaml").write_text(STORAGE.format(port=port))
        yield Items(projects, CUSTOM_STORE_EXECUTOR="multiprocess")


def test_what_arrives_is_what_arrives_in_one_process(items: Items) -> None:
    items.compare_with_one_process()


def test_the_process_of_a_step_dies(items: Items) -> None:
    items.survive(lambda pid: os.kill(pid, signal.SIGKILL))

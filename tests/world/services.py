"""Servers that the tests of engines start and stop: Dask, Redis, workers of Celery, PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from distributed import Client

from tests.world.processes import free_port, running, wait_until
from tests.world.projects_folder import CHECKOUT, ProjectsFolder, require

# What is shipped is what is tested.
CELERY_CONFIG = CHECKOUT / "deploy/celery.yaml"


@contextlib.contextmanager
def dask_cluster(projects: ProjectsFolder) -> Iterator[Path]:
    """A scheduler and two workers, each a process of its own; yields the executor's config as a file."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    log, where = projects.root / "dask.log", (projects.home, projects.path)
    scheduler = ["dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = ["dask", "worker", address, "--host", "127.0.0.1", "--nworkers", "2", "--nthreads", "1", "--no-dashboard"]
    with (
        running(scheduler, *where, log, projects.root),
        running(worker, *where, log, projects.root),
    ):
        with Client(address, timeout=30) as client:
            client.wait_for_workers(2, timeout=30)
        config = projects.root / "dask.yaml"
        config.write_text(f"cluster: {{existing: {{address: {address!r}}}}}\n")
        yield config


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A server that keeps everything in memory; yields its URL."""
    require(shutil.which("redis-server"), "redis-server, which .ci/run installs")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as server:
        try:
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()


@contextlib.contextmanager
def celery_workers(projects: ProjectsFolder) -> Iterator[Path]:
    """Redis, and two workers that take one step at a time; yields the file that the run needs too."""
    with redis(projects.root) as url, contextlib.ExitStack() as workers:
        config = projects.root / "celery.yaml"
        config.write_text(CELERY_CONFIG.read_text().replace("redis://redis:6379", url))
        log = projects.root / "celery.log"
        for name in ("one", "two"):
            command = ["dagster-celery", "worker", "start", "-A", "dagster_celery.app", "-y", str(config), "-n", name]
            more = ["--", "--concurrency", "1"]
            # It starts the program `celery` by its name, and the environment of the tests need not be on the path.
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            workers.enter_context(
                running([*command, *more], projects.home, projects.path, log, projects.root, PATH=path)
            )
        wait_until(lambda: log.read_text().count("ready.") == 2)
        yield config


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[int]:
    """A server with the user `dagster`; yields its port."""
    servers = {int(path.parts[-3]): path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")}
    require(servers, "PostgreSQL, which .ci/run installs")
    bin_folder = servers[max(servers)]
    # It refuses to run as root, as which CI runs.
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    data = folder / "postgres"
    data.mkdir(mode=0o700)
    password = folder / "password"
    password.write_text("secret of dagster")
    if user:
        shutil.chown(data, "postgres")
        for path in (folder, *folder.parents):
            if not path.stat().st_mode & 0o001:
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
            wait_until(lambda: "ready to accept connections" in (folder / "postgres.log").read_text(), 30)
            yield port
        finally:
            os.killpg(server.pid, signal.SIGINT)  # disconnects everybody and ends

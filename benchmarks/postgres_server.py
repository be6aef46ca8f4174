"""A PostgreSQL of its own for a benchmark, on loopback, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """Starts the newest of Debian's versions; yields the URI of its database.

    Raises:
        FileNotFoundError: there is none.
    """
    servers = {int(path.parts[-3]): path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")}
    if not servers:
        raise FileNotFoundError("no PostgreSQL in /usr/lib/postgresql; install the package postgresql")
    programs = servers[max(servers)]
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []  # it refuses to run as root
    with tempfile.TemporaryDirectory(prefix="bench_postgres_") as name:
        data = Path(name) / "data"
        data.mkdir(mode=0o700)
        if user:
            Path(name).chmod(0o711)
            shutil.chown(data, "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        init = [programs / "initdb", "-D", data, "-U", "owner", "--auth=trust", "-N"]
        subprocess.run([*user, *init], check=True, stdout=subprocess.DEVNULL)
        # Whose disk it is must not decide: as the sinks in files, it does not wait for it.
        settings = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={data}", "fsync=off",
                    "shared_buffers=512MB", "max_wal_size=8GB"]  # fmt: skip
        command = [programs / "postgres", "-D", data, *(part for setting in settings for part in ("-c", setting))]
        with subprocess.Popen([*user, *command], stderr=subprocess.DEVNULL, start_new_session=True) as server:
            try:
                _wait_for(port)
                yield f"postgresql://owner:none@127.0.0.1:{port}/postgres"
            finally:
                os.killpg(server.pid, signal.SIGINT)  # disconnects everybody and ends


def _wait_for(port: int) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            time.sleep(0.5)  # it listens before it answers
            return
        time.sleep(0.1)
    raise TimeoutError(f"PostgreSQL does not listen on port {port}")

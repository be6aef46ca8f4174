"""When a transfer began and ended, and what arrived, as the shared source and sink tell it: the same for everybody."""

import json
import time
from pathlib import Path


def begin(folder):
    """Called by a source when it has what it needs to answer; of several calls the first counts."""
    path = Path(folder) / "begun"
    if not path.exists():
        path.write_text(str(time.monotonic()))  # on Linux the same clock in all processes


def end(folder):
    """Called by a sink when everything is where it belongs."""
    (Path(folder) / "ended").write_text(str(time.monotonic()))


def arrived(folder, entity, digest):
    """Called by a sink with what tells equal data from other data."""
    (Path(folder) / f"{entity}.arrived").write_text(json.dumps(digest))

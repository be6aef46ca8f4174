"""Tables of the documentation that a test writes, and compares with what it finds."""

from __future__ import annotations

import os
import re
from pathlib import Path


def check_table(doc: Path, begin: str, end: str, table: str) -> None:
    """The table between two marks is this one; with ``ACCEPT_TABLE`` set, it is written there instead."""
    text = doc.read_text()
    written = re.search(f"{re.escape(begin)}(.*?){re.escape(end)}", text, re.DOTALL)
    assert written
    if os.environ.get("ACCEPT_TABLE"):
        doc.write_text(text.replace(written[0], begin + table + end))
        return

    assert written[1] == table

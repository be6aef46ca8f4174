"""What the server loads once from which multiprocess steps are forked; see ``engines/executors.py``.

Importing it does work, which no other module's import does: Python's fork server knows no other way.
"""

import contextlib
import os

from custom_store_pipeline.definitions import PRELOADED_PROJECT, cached_definitions

# Whatever is wrong is shown by the steps, when they ask for the definitions themselves; it must not end the server.
with contextlib.suppress(Exception):
    cached_definitions(os.environ.get(PRELOADED_PROJECT) or None)

"""Chunks kept on disk until it is known what else goes with them."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from custom_store_pipeline.errors import StateStorageError

if TYPE_CHECKING:
    import pandas as pd


class Spool:
    """Chunks in a temporary file without a name, which is gone when the process is, however it ends.

    Pickled, not Arrow: a chunk must come out as it went in, with objects of any type and exactly its dtypes. The file
    cannot be opened by anybody else, so nothing but what was written here is unpickled.
    """

    def __init__(self) -> None:
        """Opens the file in the system's folder for temporary files (``TMPDIR``)."""
        self._file = tempfile.TemporaryFile(prefix="custom_store_")  # noqa: SIM115  # closed by __exit__
        self._count = 0

    def __enter__(self) -> Spool:
        """The spool, which is closed at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the space free; what could not be written any more is not worth a second error."""
        self._file.close()

    def add(self, chunk: pd.DataFrame) -> None:
        """Writes a chunk.

        Raises:
            StateStorageError: the disk is full.
        """
        try:
            pickle.dump(chunk, self._file, protocol=pickle.HIGHEST_PROTOCOL)
            self._count += 1
            return
        except OSError as error:
            problem = (
                f"the chunks cannot be kept in {tempfile.gettempdir()} until all keys are known: {error}; free space, "
                "set TMPDIR to a larger disk, or give the driver pull_keys, with which nothing is kept"
            )
        raise StateStorageError(problem)

    def chunks(self) -> Iterator[pd.DataFrame]:
        """The chunks in their order, read one at a time."""
        self._file.flush()
        self._file.seek(0)
        for _ in range(self._count):
            yield pickle.load(self._file)  # noqa: S301  # see above

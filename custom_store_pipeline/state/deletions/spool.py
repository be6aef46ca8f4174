"""Chunks kept on disk until it is known what else goes with them."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from custom_store_pipeline.errors import UnusableDataError

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
        """Gives the space free; that the last bytes do not fit on the disk has been said by then."""
        with contextlib.suppress(OSError):
            self._file.close()

    def add(self, chunk: pd.DataFrame) -> None:
        """Writes a chunk.

        Raises:
            UnusableDataError: it holds objects that exist in this process only.
            OSError: the disk is full.
        """
        try:
            pickle.dump(chunk, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UnusableDataError(
                f"pull_data yielded values that cannot be kept on disk until all keys are known: {error}; let "
                "it turn them into numbers, strings, bytes or times"
            ) from None
        self._count += 1

    def chunks(self) -> Iterator[pd.DataFrame]:
        """The chunks in their order, read one at a time.

        Raises:
            OSError: the disk is full.
        """
        self._file.flush()
        self._file.seek(0)
        return (pickle.load(self._file) for _ in range(self._count))  # noqa: S301  # nobody else can write into it

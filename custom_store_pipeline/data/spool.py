"""Pieces kept on disk until it is known what else goes with them: which rows to delete, or which schema they have."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.data.pieces import is_arrow
from custom_store_pipeline.errors import StateStorageError, UnusableDataError

if TYPE_CHECKING:
    import pyarrow as pa

    from custom_store_pipeline.data.pieces import Piece


class Spool:
    """Pieces in a temporary file without a name, which is gone when the process is, however it ends.

    Record batches are written as Arrow's IPC stream, a new one wherever the schema changes. DataFrames are pickled: a
    DataFrame must come out as it went in, with objects of any type and exactly its dtypes. The file cannot be opened by
    anybody else, so nothing but what was written here is unpickled.

    Attributes:
        schemas: the schemas of the record batches, each with the number of the first batch that has it, from 1.
    """

    def __init__(self) -> None:
        """Opens the file in the system's folder for temporary files (``TMPDIR``)."""
        self.schemas: list[tuple[int, pa.Schema]] = []
        self._file = tempfile.TemporaryFile(prefix="custom_store_")  # noqa: SIM115  # closed by __exit__
        self._kinds: list[bool] = []  # of each piece or IPC stream in the file: whether it is such a stream
        self._writer: Any = None
        self._schema: pa.Schema | None = None  # of the writer
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

    def add(self, piece: Piece) -> None:
        """Writes a piece.

        Raises:
            UnusableDataError: it holds objects that exist in this process only.
            OSError: the disk is full.
        """
        self._count += 1
        if is_arrow(piece):
            self._add_batch(piece)
            return
        self._end_stream()
        try:
            pickle.dump(piece, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UnusableDataError(
                f"pull_data yielded values that cannot be kept on disk until all keys are known: {error}; let "
                "it turn them into numbers, strings, bytes or times"
            ) from None
        self._kinds.append(False)

    def pieces(self) -> Iterator[Piece]:
        """The pieces in their order, read one at a time; each call starts from the first.

        Raises:
            OSError: the disk is full.
        """
        self._end_stream()
        self._file.flush()
        return self._read()

    def _add_batch(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa

        if self._schema is None or not self._schema.equals(batch.schema, check_metadata=True):
            self._end_stream()
            self._writer, self._schema = pa.ipc.new_stream(self._file, batch.schema), batch.schema
            self._kinds.append(True)
            if not any(schema.equals(batch.schema) for _, schema in self.schemas):
                self.schemas.append((self._count, batch.schema))
        self._writer.write_batch(batch)

    def _end_stream(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = self._schema = None

    def _read(self) -> Iterator[Piece]:
        import pyarrow as pa

        self._file.seek(0)
        for is_stream in self._kinds:
            if is_stream:
                yield from pa.ipc.open_stream(self._file)
            else:
                yield pickle.load(self._file)  # noqa: S301  # nobody else can write into it


@contextlib.contextmanager
def temporary_files() -> Iterator[None]:
    """What the disk refuses, as an error that says what to do; drivers' own errors are not OSErrors here."""
    try:
        yield
    except OSError as error:
        raise StateStorageError(
            f"keys and chunks cannot be stored in {tempfile.gettempdir()} while they are compared: {error}; free "
            "space, or set TMPDIR to a larger disk"
        ) from None

"""DataFrames as stores can take them, and several as one, without losing columns or changing values."""

from __future__ import annotations

import numbers
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from custom_store_pipeline.errors import UnusableDataError

if TYPE_CHECKING:
    import pandas as pd


def index_as_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Named levels of the index as columns: an index is data too, and stores have no such thing.

    Levels of integers without a name are numbers of rows, as pandas itself leaves them behind wherever rows are taken
    out, sorted or put together; they stay in the index, which is ignored.

    Raises:
        UnusableDataError: another level would be lost, because it has no name or that of something else; or two columns
            have the same name.
    """
    levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
    named = [
        number for number, level in enumerate(levels) if level.name is not None and level.name not in frame.columns
    ]
    names = Counter(levels[number].name for number in named)
    for number, level in enumerate(levels):
        if number in named:
            if names[level.name] > 1:
                raise UnusableDataError(
                    f"returned a DataFrame whose index has two levels '{level.name}'; give one of them another name"
                )
        elif level.name is not None:
            _check_same_as_column(frame, level)
        elif len(level) and level.dtype.kind not in "iu":
            raise UnusableDataError(
                f"returned a DataFrame whose index has no name and holds {level[0]!r}, which would be lost; name it "
                "(df.index.name = 'id' makes it a column), or leave it out (df.reset_index(drop=True))"
            )
    found = frame.reset_index(level=named) if named else frame
    check_names(found.columns)
    return found


def _check_same_as_column(frame: pd.DataFrame, level: pd.Index) -> None:
    import pandas as pd

    columns = frame.loc[:, frame.columns == level.name]
    if not pd.Index(columns.iloc[:, 0]).equals(level):
        raise UnusableDataError(
            f"returned a DataFrame whose index has the name of the column '{level.name}' and other values; give one of "
            "them another name, or leave the index out (df.reset_index(drop=True))"
        )


def has_row_numbers(frame: pd.DataFrame) -> bool:
    """Whether the index holds integers without a name that need not be numbers of rows."""
    import pandas as pd

    return not isinstance(frame.index, pd.RangeIndex) and None in frame.index.names and len(frame) > 0


def check_names(names: Iterable[Any]) -> None:
    """Refuses columns that a store could not distinguish, such as ``1`` and ``"1"``; the same name twice is left alone.

    Raises:
        UnusableDataError: names both.
    """
    known: dict[str, Any] = {}
    for name in names:
        other = known.setdefault(str(name), name)
        if other is not name and other != name:
            raise UnusableDataError(
                f"returned the columns {other!r} ({type(other).__name__}) and {name!r} ({type(name).__name__}), "
                "which have the same name in a store; give one of them another name"
            )


def records_to_pandas(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A list of dicts as a table; integers keep all their digits, beside missing values (as ``Int64``) and floats.

    Raises:
        UnusableDataError: two keys have the same name, such as ``1`` and ``"1"``.
    """
    import pandas as pd

    frame = pd.DataFrame(rows)
    for name in frame.columns[[dtype.kind in "fc" for dtype in frame.dtypes]]:
        values = [row.get(name) for row in rows]
        if any(map(_is_integer, values)):
            exact = _exactly(values, frame[name])
            if exact is not None:
                frame[name] = exact
    check_names(frame.columns)
    return frame


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _exactly(values: list[Any], floats: pd.Series) -> Any:
    """Values with integers among them, in a type that holds them all; None if the floats of pandas do."""
    import pandas as pd

    from custom_store_pipeline.data.common_types import LARGEST_EXACT, integer_type

    integers = [int(value) for value in values if _is_integer(value)]
    gaps = floats.isna()
    if max(map(abs, integers)) <= LARGEST_EXACT and not all(value is None or _is_integer(value) for value in values):
        return None
    if not all(gap or _is_integer(value) or _is_whole(value) for value, gap in zip(values, gaps, strict=True)):
        return pd.Series(values, dtype=object)
    plain = [None if gap else int(value) for value, gap in zip(values, gaps, strict=True)]
    known = [value for value in plain if value is not None]
    return pd.Series(plain, dtype=integer_type(min(known), max(known), nullable=True))


def _is_whole(value: Any) -> bool:
    return not isinstance(value, complex) and value.is_integer()


def join_chunks(chunks: list[pd.DataFrame]) -> pd.DataFrame:
    """Chunks (at least one) as one DataFrame, with all columns in the order in which they turned up.

    A column whose type changes from chunk to chunk gets one that holds each value as it is; see
    :func:`~custom_store_pipeline.data.common_types.with_common_type`.

    Raises:
        UnusableDataError: chunks with different columns have two of the same name, so which is which cannot be known.
    """
    import pandas as pd

    # Chunks without rows often have other dtypes, which would spoil those of the others.
    with_rows = [chunk for chunk in chunks if len(chunk)]
    if len(with_rows) < 2:
        return (with_rows or chunks)[0]
    first = with_rows[0]
    if not all(chunk.columns.is_unique for chunk in chunks):
        chunks = with_rows
    are_alike = all(chunk.columns.equals(first.columns) for chunk in chunks)
    if are_alike and all(chunk.dtypes.equals(first.dtypes) for chunk in with_rows):
        return pd.concat(with_rows, ignore_index=True)
    columns = first.columns if are_alike else _columns_of_all(chunks)
    # By position, because with columns that are all alike two may have the same name.
    places = {name: place for place, name in enumerate(columns)}
    numbered = [
        chunk.set_axis(range(len(columns)) if are_alike else [places[name] for name in chunk.columns], axis="columns")
        for chunk in with_rows
    ]
    return _joined(numbered).reindex(columns=range(len(columns))).set_axis(columns, axis="columns")


def _columns_of_all(chunks: list[pd.DataFrame]) -> pd.Index:
    """The columns in the order in which they turned up; names that do not say which column is meant are refused."""
    import pandas as pd

    for chunk in chunks:
        if not chunk.columns.is_unique:
            twice = chunk.columns[chunk.columns.duplicated()][0]
            raise UnusableDataError(
                f"yielded chunks with different columns, one of which has '{twice}' twice, so it is not known "
                "which is which; give one of them another name"
            )
    names = dict.fromkeys(name for chunk in chunks for name in chunk.columns)
    check_names(names)
    return pd.Index(list(names))


def _joined(chunks: list[pd.DataFrame]) -> pd.DataFrame:
    """Chunks as one; a column of several types, or of only some chunks, with one type that holds all its values."""
    import pandas as pd

    from custom_store_pipeline.data.common_types import with_common_type

    dtypes = [dict(chunk.dtypes) for chunk in chunks]
    names = dict.fromkeys(name for of_chunk in dtypes for name in of_chunk)
    settled = {name for name in names if len({of_chunk.get(name) for of_chunk in dtypes}) == 1}
    changing = {
        name: pd.concat(
            with_common_type(
                [chunk[name] if name in chunk else pd.Series(None, chunk.index, dtype=object) for chunk in chunks]
            ),
            ignore_index=True,
        )
        for name in names
        if name not in settled
    }
    same = pd.concat([chunk[list(settled)] for chunk in chunks], ignore_index=True)
    return pd.concat([same, pd.DataFrame(changing, index=same.index)], axis="columns")

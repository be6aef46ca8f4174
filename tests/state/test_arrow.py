"""State is the same whether rows come as Arrow or as pandas, so a source may change from one to the other."""

from __future__ import annotations

import pyarrow as pa
import pytest

from custom_store_pipeline.data.pieces import as_frame
from custom_store_pipeline.errors import UnusableKeysError, WatermarkError
from custom_store_pipeline.state.deletions.key_columns import kept
from custom_store_pipeline.state.serialization import encode
from custom_store_pipeline.state.watermarks import Watermarks
from tests.world.arrow_types import ARROW_TYPES

# Which pandas cannot hold, so there is nothing to compare with.
ONLY_ARROW = {"date32 (before the year 1)", "time64[ns] (nanoseconds)"}
COMPARED = {name: array for name, array in ARROW_TYPES.items() if name not in ONLY_ARROW}


def watermark(piece: object) -> object:
    notes: list[str] = []
    watermarks = Watermarks(["x"], {}, notes.append)
    try:
        watermarks.see(piece)
    except WatermarkError as error:
        return str(error)
    return encode(watermarks.after()), notes


def key(piece: object) -> object:
    try:
        values, column = kept(piece, "x", "pull_data")
    except UnusableKeysError as error:
        return str(error)
    return values.type, values.to_pylist(), column


@pytest.mark.parametrize("array", COMPARED.values(), ids=COMPARED)
def test_watermarks(array: pa.Array) -> None:
    batch = pa.record_batch([array], ["x"])

    assert watermark(batch) == watermark(as_frame(batch))


@pytest.mark.parametrize("array", COMPARED.values(), ids=COMPARED)
def test_keys(array: pa.Array) -> None:
    batch = pa.record_batch([array[:1]], ["x"])

    assert key(batch) == key(as_frame(batch))


@pytest.mark.parametrize("values", [[1, None], [0.5, float("nan")]])
def test_keys_without_a_value_are_refused(values: list[float | None]) -> None:
    batch = pa.record_batch({"x": values})

    for piece in (batch, as_frame(batch)):
        with pytest.raises(UnusableKeysError, match="the primary key 'x' is null in 1 of 2 rows"):
            kept(piece, "x", "pull_data")

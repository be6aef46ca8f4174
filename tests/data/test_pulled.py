"""Whatever a driver returns."""

from __future__ import annotations

import decimal
import io
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from custom_store_pipeline import Pulled
from custom_store_pipeline.data.pulled import DataFormat, read_pulled
from custom_store_pipeline.errors import UnusableDataError

ROWS = [{"id": 1, "name": "a"}, {"id": 2, "name": None}]
FRAME = pd.DataFrame(ROWS)
CSV = DataFormat("csv")


def read(returned: object, data_format: DataFormat | None = None) -> pd.DataFrame:
    return read_pulled(returned, data_format or DataFormat()).stream.joined()


def pages():
    yield ROWS[:1]
    yield ROWS[1:]


def opened(folder: Path):
    return (folder / "data.csv").open()


ACCEPTED = {
    "DataFrame": lambda _: FRAME,
    "list of dicts": lambda _: ROWS,
    "pyarrow table": lambda _: pa.Table.from_pandas(FRAME),
    "pyarrow batch reader": lambda _: pa.Table.from_pandas(FRAME).to_reader(max_chunksize=1),
    "polars": lambda _: pl.DataFrame(ROWS),
    "duckdb relation": lambda _: duckdb.sql("SELECT 1 AS id, 'a' AS name UNION ALL SELECT 2, NULL ORDER BY id"),
    "bytes": lambda _: b"id,name\n1,a\n2,\n",
    "text": lambda _: "id,name\n1,a\n2,\n",
    "path": lambda folder: folder / "data.csv",
    "open text file": opened,
    "open bytes": lambda _: io.BytesIO(b"id,name\n1,a\n2,\n"),
    "csv documents with the same header": lambda _: [b"id,name\n1,a\n", b"id,name\n2,\n"],
    "frame with an index that has a name": lambda _: FRAME.set_index("id"),
    "arrow of such a frame": lambda _: pa.Table.from_pandas(FRAME.set_index("id")),
    "generator of pages": lambda _: pages(),
    "list of DataFrames": lambda _: [FRAME[:1], FRAME[1:]],
    "iterator of mixed chunks": lambda folder: iter([FRAME[:0], b"id,name\n1,a\n", pl.DataFrame(ROWS[1:]), []]),
    "tuple with deletes": lambda _: (FRAME, None),
    "Pulled": lambda _: Pulled(pages()),
}


@pytest.mark.parametrize("make", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_all_kinds_of_data_become_the_same_frame(tmp_path: Path, make) -> None:
    (tmp_path / "data.csv").write_text("id,name\n1,a\n2,\n")

    frame = read(make(tmp_path), CSV)

    assert list(frame.columns) == ["id", "name"]
    assert frame["id"].tolist() == [1, 2]
    assert frame["id"].dtype.kind == "i"
    assert frame["name"][0] == "a"
    assert pd.isna(frame["name"][1])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returned None; accepted are a pandas DataFrame, anything with"),
        (7, "returned int; accepted are"),
        ({"id": 1}, "returned dict (put a dict into a list: a list of dicts is a table); accepted are"),
        (pd.Series([1]), "returned Series; accepted are"),
        ((FRAME, None, None), "returned a tuple of 3; a tuple must be (data, deletes), and chunks come as a list"),
        ((FRAME, 5), "returned deletes of the type int; accepted are a DataFrame"),
        (b"id\n1", "returned raw bytes, but the mapping does not say how to decode it; set data_format.type to one of"),
    ],
)
def test_what_is_no_data_is_refused_by_its_type(returned: object, message: str) -> None:
    with pytest.raises(UnusableDataError) as raised:
        read_pulled(returned, DataFormat())

    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("item", [{"id": 1}, None, 3])
def test_a_chunk_that_is_no_data_is_refused_too(item: object) -> None:
    pulled = read_pulled(iter([ROWS, item]), DataFormat())

    with pytest.raises(UnusableDataError, match=r"^yielded (dict|None|int)"):
        pulled.stream.joined()


def test_nothing_is_read_before_it_is_asked_for() -> None:
    read_to = []

    def chunks():
        for number in range(3):
            read_to.append(number)
            yield [{"id": number}]

    pulled = read_pulled(chunks(), DataFormat())

    assert read_to == []
    next(iter(pulled.stream))
    assert read_to == [0]


def test_the_drivers_generator_is_closed_with_the_chunks() -> None:
    closed = []

    def chunks():
        try:
            yield ROWS
            yield ROWS
        finally:
            closed.append(True)

    pulled = read_pulled(chunks(), DataFormat())
    pieces = iter(pulled.stream)
    next(pieces)
    pieces.close()

    assert closed


def test_an_empty_pull_keeps_its_columns_or_is_an_empty_frame() -> None:
    assert read([]).shape == (0, 0)
    assert read(iter([])).shape == (0, 0)
    assert list(read(pa.table({"id": pa.array([], pa.int64())})).columns) == ["id"]
    assert list(read(FRAME[:0]).columns) == ["id", "name"]
    assert list(read(b"id,name\n", CSV).columns) == ["id", "name"]


BIG = 2**53 + 1


@pytest.mark.parametrize(
    "returned",
    [
        [{"id": BIG}, {"id": None}],
        [{"id": BIG}, {}],
        pa.table({"id": [BIG, None]}),
        pl.DataFrame({"id": [BIG, None]}),
    ],
    ids=["dicts", "dicts without the key", "pyarrow", "polars"],
)
def test_integers_keep_all_their_digits_beside_a_null(returned: object) -> None:
    ids = read(returned)["id"]

    assert ids[0] == BIG
    assert pd.isna(ids[1])


def test_types_of_arrow_survive() -> None:
    moment = pd.Timestamp("2024-02-29T12:00:00.123456789", tz="Europe/Berlin")
    at = pa.array([moment], pa.timestamp("ns", "Europe/Berlin"))
    table = pa.table({"at": at, "price": [decimal.Decimal("1.10")], "flag": [True], "small": pa.array([1], "int8")})

    frame = read(table)

    assert frame["at"][0] == moment
    assert frame["price"][0] == decimal.Decimal("1.10")
    assert frame["flag"].dtype == "bool"
    assert frame["small"].dtype == "int8"


@pytest.mark.parametrize(
    "deletes", [FRAME[["id"]], pa.table({"id": [1, 2]}), [{"id": 1}, {"id": 2}]], ids=["frame", "arrow", "dicts"]
)
def test_deletes_come_as_a_frame(deletes: object) -> None:
    for returned in ((ROWS, deletes), Pulled(ROWS, deletes=deletes)):
        pulled = read_pulled(returned, DataFormat())
        assert pulled.deletes["id"].tolist() == [1, 2]


def test_no_deletes_are_none() -> None:
    for returned in (ROWS, (ROWS, None), (ROWS, []), Pulled(ROWS, deletes=FRAME[:0])):
        assert read_pulled(returned, DataFormat()).deletes is None


def test_pieces_of_one_document_are_not_read_as_documents() -> None:
    pulled = read_pulled(iter([b"id,name\n1,a\n", b"2,b\n3,c\n"]), CSV)

    with pytest.raises(UnusableDataError, match="yielded csv with the columns 2, b after id, name; each piece must be"):
        pulled.stream.joined()


def test_a_path_as_a_string_is_not_read_as_content(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("id\n1\n")

    with pytest.raises(UnusableDataError, match="returned a string that is the path of a file"):
        read(str(tmp_path / "data.csv"), CSV)


def test_chunks_that_lack_a_column_of_integers_cost_it_no_digits() -> None:
    frame = read(iter([[{"a": 1, "b": BIG}], [{"a": 2}], pd.DataFrame({"a": [3], "b": [None]})]))

    assert frame["b"].tolist()[0] == BIG
    assert frame["b"].isna().tolist() == [False, True, True]
    assert frame["a"].dtype == "int64"


def test_columns_of_empty_chunks_are_kept() -> None:
    frame = read(iter([pd.DataFrame({"id": [], "extra": []}), [{"id": 1}], [{"id": 2}]]))

    assert list(frame.columns) == ["id", "extra"]


def test_nested_values_of_arrow_keep_their_digits() -> None:
    table = pa.table({"list": [[BIG, None]], "struct": [{"a": BIG, "b": None}]})

    assert read(table).to_dict("records") == [{"list": [BIG, None], "struct": {"a": BIG, "b": None}}]


def test_a_polars_series_is_no_table() -> None:
    with pytest.raises(UnusableDataError, match="^returned Series; accepted are"):
        read(pl.Series([1]))


def test_metadata_may_be_none() -> None:
    assert read_pulled(Pulled(ROWS, metadata=None), DataFormat()).metadata == {}


def test_what_a_generator_returns_is_not_lost_in_silence() -> None:
    def either():
        if ROWS:
            return ROWS
        yield ROWS

    with pytest.raises(
        UnusableDataError, match="has a yield, .* so the list that it returned is lost; yield it instead"
    ):
        read(either())


def test_a_column_that_changes_its_kind_between_pieces_is_refused() -> None:
    with pytest.raises(UnusableDataError, match="the column 'code' is numbers at first and text later"):
        read(iter(["id,code\n1,7\n", "id,code\n2,x\n"]), CSV)


def test_empty_pieces_are_skipped() -> None:
    assert read(iter(["id,name\n1,a\n", "", b"\n"]), CSV)["id"].tolist() == [1]


def test_numbers_of_rows_are_left_out_and_the_user_is_warned_once() -> None:
    numbered = pd.DataFrame({"a": [1, 2]}, [101, 102])
    notes: list[str] = []

    frame = read_pulled(iter([numbered, numbered]), DataFormat(), notes.append).stream.joined()

    assert list(frame.columns) == ["a"]
    assert notes == [
        "returned a DataFrame whose index holds integers and has no name; they are taken for row numbers and "
        "dropped; name the index if it is data (df.index.name = 'id'), or drop it: df.reset_index(drop=True)"
    ]


def test_numbers_of_rows_as_pandas_makes_them_need_no_word() -> None:
    notes: list[str] = []

    for frame in (FRAME, FRAME[1:], FRAME.set_index("id"), FRAME[:0].set_axis([], axis="index")):
        read_pulled(frame, DataFormat(), notes.append)

    assert notes == []


def test_a_name_of_another_type_than_in_an_earlier_chunk_is_refused_where_chunks_are_not_joined() -> None:
    chunks = iter(read_pulled(iter([[{1: "a"}], [{"1": "b"}]]), DataFormat()).stream)
    assert chunks is not None
    next(chunks)

    with pytest.raises(UnusableDataError, match=r"returned the columns 1 \(int\) and '1' \(str\)"):
        next(chunks)

"""``engine: pyarrow`` gives the values that ``engine: pandas`` gives, or an error that names that engine."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_store_pipeline.data.formats import csv_by_arrow, decode, jsonl_by_arrow, option_problems
from custom_store_pipeline.data.pieces import as_frame
from custom_store_pipeline.errors import UndecodableDataError, UnusableDataError
from tests.world.written_table import check_table

ARROW = {"engine": "pyarrow"}
DOC = Path(__file__).parents[2] / "docs/mapping.md"


def rows(raw: Any, name: str, **options: Any) -> list[dict[str, Any]]:
    """The rows as they arrive, with nulls as None."""
    found = []
    for piece in decode(raw, name, options):
        frame = as_frame(piece)
        for values in frame.itertuples(index=False):
            found.append({str(key): _plain(value) for key, value in zip(frame, values, strict=True)})
    return found


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    return value.item() if hasattr(value, "item") else value


def written(found: list[dict[str, Any]]) -> str:
    """The rows so that 1, 1.0 and true differ, and the order of keys in an object does not matter."""
    return json.dumps(found, sort_keys=True)


def types(raw: Any, name: str, **options: Any) -> dict[str, str]:
    (batch,) = decode(raw, name, options | ARROW)
    return {field.name: str(field.type) for field in batch.schema}


def same(raw: Any, name: str, **options: Any) -> list[dict[str, Any]]:
    """The rows, which must be the same by both engines, also in their types."""
    found = rows(raw, name, **options, **ARROW)
    assert written(found) == written(rows(raw, name, **options))
    return found


# csv

FIELDS = st.one_of(
    st.sampled_from(["", "1", "-7", "007", "0.5", "1.0", "1e5", "true", "NA", "nan", " x", 'a"b', "a,b", "a\nb", "\t"]),
    st.integers().map(str),
    st.floats().map(repr),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=4),
)  # fmt: skip


@given(st.lists(st.tuples(FIELDS, FIELDS, FIELDS), max_size=4), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_what_python_writes_is_read_as_pandas_reads_it(table: list[tuple[str, str, str]], quoting: int) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=quoting).writerows([("a", "b", "c"), *table])

    same(text.getvalue().encode(), "csv")


@given(st.text('a1,"\n .', max_size=14))
def test_what_nobody_should_write_is_read_as_pandas_reads_it_or_refused(text: str) -> None:
    lines = text.split("\n")
    if any(line and not line.strip() for line in lines):  # a line of blanks: see the table of differences
        return
    raw = ("a,b\n" + text).encode()
    try:
        found = rows(raw, "csv", **ARROW)
    except (UndecodableDataError, UnusableDataError):
        return

    assert written(found) == written(rows(raw, "csv"))


def test_columns_get_the_types_of_their_values() -> None:
    raw = b"i,f,b,t,zip,none,mixed\n1,0.5,true,x,01234,,1\n,,,,,,x\n"

    assert types(raw, "csv") == {
        "i": "int64", "f": "double", "b": "bool", "t": "string", "zip": "string", "none": "null", "mixed": "string",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a;b\n1;2\n", {"sep": ";"}),
        ("a;b\n1;2\n", {"delimiter": ";"}),
        ("a,b\n'1,5',2\n", {"quotechar": "'"}),
        ("1,2\n3,4\n", {"names": ["a", "b"]}),
        ("# made today\na,b\n1,2\n", {"skiprows": 1}),
        ("a,b,c\n1,2,3\n", {"usecols": ["c", "a"]}),
        ("a,b\n-,NA\n1,x\n", {"na_values": "-"}),
        ("a,b\n-,NA\n1,x\n", {"na_values": ["-", "NA"]}),
        ("a,b\n1,2\n", {"dtype": {"a": "str"}}),
        ('a,b\n"1,5","1.234,5"\n', {"decimal": ",", "thousands": "."}),
        ("a,b\nyes,1\nno,2\n", {"true_values": ["yes"], "false_values": ["no"]}),
        ("a,b\n1,2\n", {"exact": True}),
    ],
)
def test_options_do_what_they_do_in_pandas(text: str, options: dict[str, Any]) -> None:
    assert same(text.encode(), "csv", **options)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_other_encodings(encoding: str) -> None:
    assert same('a,b\nß,"ä"\n'.encode(encoding), "csv", encoding=encoding) == [{"a": "ß", "b": "ä"}]


def test_text_open_files_and_compressed_files(tmp_path: Path) -> None:
    text, path = "a,b\nß,1\n", tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))

    for raw in (text, io.StringIO(text), io.BytesIO(text.encode()), path, gzip.compress(text.encode())):
        assert rows(raw, "csv", **ARROW) == [{"a": "ß", "b": 1}]


class Dribble(io.BytesIO):
    """A file that gives a few bytes at a time, as a response of a server may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size, 3) if size and size > 0 else size)


def test_a_file_that_gives_little_at_a_time() -> None:
    assert rows(Dribble(b"id,name\n1,x\n"), "csv", **ARROW) == [{"id": 1, "name": "x"}]
    assert rows(Dribble(b'{"id": 1}\n{"id": 2}\n'), "jsonl", **ARROW) == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize("raw", [b"a,b\n", b"a,b"])
def test_a_csv_without_rows_keeps_its_columns(raw: bytes) -> None:
    assert types(raw, "csv") == {"a": "null", "b": "null"}


def test_a_large_csv_comes_in_batches_that_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_by_arrow, "_BYTES_PER_BATCH", 50)

    def kinds(first: str, last: str) -> list[str]:
        raw = "a\n" + f"{first}\n" * 25 + f"{last}\n" * 25
        return [str(batch.schema.field("a").type) for batch in decode(raw, "csv", ARROW)]

    assert kinds("1", "0.5") == ["int64", "double", "double", "double"]
    assert kinds("x", "1") == ["string", "string", "string"]
    with pytest.raises(UnusableDataError, match=r"the column 'a' is numbers at first and text later \(such as '007'\)"):
        kinds("1", "007")


def test_the_start_that_shows_the_header_may_end_in_a_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(csv_by_arrow, "_BYTES_WITH_THE_HEADER", 9)

    assert rows(b'a,b\n1,"x\ny"\n2,z\n', "csv", **ARROW) == [{"a": 1, "b": "x\ny"}, {"a": 2, "b": "z"}]


@pytest.mark.parametrize("raw", [b'a,b\n1,"x"\n2,"y', b'a,b\n1,"', b'a\n5"\n"', b'a\n"'])
def test_a_file_that_was_cut_off_in_a_quoted_value_is_refused(raw: bytes) -> None:
    with pytest.raises(UndecodableDataError, match="a csv that ends in a quoted value: it was cut off, or the closing"):
        list(decode(raw, "csv", ARROW))


@pytest.mark.parametrize(("header", "what"), [("a,a", "named 'a' twice"), ("a,", "without a name")])
def test_columns_that_only_pandas_names(header: str, what: str) -> None:
    with pytest.raises(UnusableDataError, match=f"a column {what}, which engine: pyarrow cannot tell apart; set "):
        list(decode(f"{header}\n1,2\n", "csv", ARROW))

    assert rows(f"{header}\n1,2\n", "csv", names=["a", "b"], skiprows=1, **ARROW) == [{"a": 1, "b": 2}]


def test_a_column_of_usecols_that_is_missing() -> None:
    with pytest.raises(UnusableDataError, match="without the column 'c', which data_format.usecols names; it has a, b"):
        list(decode(b"a,b\n1,2\n", "csv", {"usecols": ["c"], **ARROW}))


def test_an_error_of_pyarrow_names_the_other_engine() -> None:
    with pytest.raises(UndecodableDataError, match=r"Expected 2 columns, got 1: 1; check .*, or set engine: pandas, "):
        list(decode(b"a,b\n1\n", "csv", ARROW))


# jsonl

LEAVES = st.sampled_from([None, "x", "", "é", "2024-01-01", "2024-01-01T10:00:00", "2024-01-01 10:00:00Z", "1"])
COLUMNS = st.sampled_from(
    [
        st.sampled_from([None, 1, -5, 2**53 - 1]),
        st.sampled_from([None, 1, 2.5, -0.0, 0.1]),
        st.sampled_from([None, 2**63 - 1, -(2**63)]),
        st.sampled_from([None, True, False]),
        LEAVES,
        st.lists(LEAVES.filter(bool), max_size=2),
        st.fixed_dictionaries({"at": LEAVES, "n": st.sampled_from([1, 2])}),
    ]
)


@given(st.data())
def test_objects_of_one_kind_are_read_as_python_reads_them(data: st.DataObject) -> None:
    columns = {name: data.draw(COLUMNS) for name in "ab"}
    found = [
        {name: data.draw(values) for name, values in columns.items() if data.draw(st.integers(0, 9))} for _ in range(3)
    ]
    raw = "".join(json.dumps(row) + "\n" for row in found if row)

    same(raw, "jsonl") if raw else None


def test_texts_that_look_like_times_stay_texts_in_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl_by_arrow, "_BYTES_PER_BATCH", 40)
    lines = [{"a": 1, "at": "2024-01-01"}, {"a": 2, "at": "2024-01-01 00:00:00"}, {"a": 3, "new": {"at": "2024-01-01"}}]
    batches = list(decode("".join(json.dumps(line) + "\n" for line in lines), "jsonl", ARROW))

    assert len(batches) > 1
    assert batches[0].schema.names == ["a", "at"]
    assert [row["at"] for batch in batches for row in batch.to_pylist()] == ["2024-01-01", "2024-01-01 00:00:00", None]
    assert batches[-1].schema.field("new").type == pa.struct([("at", pa.string())])


def test_lines_longer_than_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl_by_arrow, "_BYTES_PER_BATCH", 3)

    assert rows('{"a": "long"}\n\n{"a": "longer"}', "jsonl", **ARROW) == [{"a": "long"}, {"a": "longer"}]


@pytest.mark.parametrize("row", ['{"a": 9007199254740993.0}', '{"a": [{"b": 18446744073709551615}]}'])
def test_numbers_that_may_have_lost_digits_are_refused(row: str) -> None:
    with pytest.raises(UnusableDataError, match=r"the column 'a(\.b)?' has the number .*; set engine: pandas, or send"):
        list(decode(row, "jsonl", ARROW))


@pytest.mark.parametrize("raw", [b'{"a": "\xff"}', b'{"a": [null, false]}'])
def test_what_pyarrow_lets_pass_is_refused(raw: bytes) -> None:
    """Bytes that are not UTF-8, and lists that pyarrow builds wrongly, cannot be read by anyone later."""
    with pytest.raises(UndecodableDataError, match="or set engine: pandas"):
        list(decode(raw, "jsonl", ARROW))


# The engine as an option


@pytest.mark.parametrize("name", ["csv", "jsonl"])
def test_the_default_engine_has_a_name(name: str) -> None:
    raw = {"csv": "a\n1\n", "jsonl": '{"a": 1}\n'}[name]

    assert option_problems(name, {"engine": "pandas"}) == {}
    assert rows(raw, name, engine="pandas") == [{"a": 1}]


def test_a_null_engine_is_the_default() -> None:
    assert option_problems("csv", {"engine": None}) == {}
    assert rows("a\n1\n", "csv", engine=None) == [{"a": 1}]
    assert rows('{"a": 1}\n', "jsonl", engine=None) == [{"a": 1}]


def test_a_file_that_is_missing_is_no_matter_of_the_engine(tmp_path: Path) -> None:
    with pytest.raises(UndecodableDataError, match=r"FileNotFoundError: .*; return the path of a file$"):
        list(decode(tmp_path / "no.csv", "csv", ARROW))


def test_options_and_values_that_pyarrow_does_not_have() -> None:
    assert option_problems("csv", {"engine": "pyarrow", "sep": None, "chunksize": 5}) == {
        "sep": "engine: pyarrow does not take sep: None; correct it, or set engine: pandas",
        "chunksize": "'chunksize' is not an option of engine: pyarrow; leave it out, or set engine: pandas",
    }
    assert option_problems("json", {"engine": "pyarrow"}) == {"engine": "'engine' is not an option of pandas.read_json"}


# The table of differences

CASES = [
    ("csv", "a row has too few values", b"a,b\n1\n"),
    ("csv", "two columns have one name", b"a,a\n1,2\n"),
    ("csv", "a column has no name", b"a,\n1,2\n"),
    ("csv", "a line of blanks, in a file of one column", b"a\n1\n \n"),
    ("jsonl", "texts and numbers in one column", b'{"a": 1}\n{"a": "x"}\n'),
    ("jsonl", "integers and fractions in one list", b'{"a": [1, 0.5]}\n'),
    ("jsonl", "objects with different keys", b'{"a": {"x": 1}}\n{"a": {"y": 2}}\n'),
    ("jsonl", "an integer beyond 64 bits", b'{"a": 18446744073709551616}\n'),
    ("jsonl", "a fraction beyond 2**53", b'{"a": 1e300}\n'),
    ("jsonl", "one key twice in an object", b'{"a": 1, "a": 2}\n'),
    ("jsonl", "two objects in one line", b'{"a": 1} {"a": 2}\n'),
]


def test_the_table_of_differences_is_what_happens() -> None:
    lines = ["", "| format | in the data | `engine: pandas` | `engine: pyarrow` |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {name} | {what}: `{raw.decode()!r}` | {_cell(raw, name)} | {_cell(raw, name, **ARROW)} |"
        for name, what, raw in CASES
    ]

    check_table(DOC, "<!-- engines -->", "<!-- /engines -->", "\n".join([*lines, ""]))


def _cell(raw: bytes, name: str, **options: Any) -> str:
    try:
        found = rows(raw, name, **options)
    except (UndecodableDataError, UnusableDataError):
        return "error"
    return f"`{found}`"

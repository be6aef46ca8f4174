"""Decoding raw bytes, text and files."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pandas as pd
import pytest

from custom_store_pipeline.data import formats
from custom_store_pipeline.data.formats import FORMATS, decode, option_problems
from custom_store_pipeline.data.pieces import as_frame, names_of
from custom_store_pipeline.errors import MissingExtraError, UndecodableDataError, UnusableDataError

FRAME = pd.DataFrame({"id": [1, 2], "name": ["ä", "007"]})


FOOTER = {"skipfooter": 0, "engine": "python"}


def encoded(name: str) -> bytes:
    buffer = io.BytesIO()
    write = {
        "csv": lambda: buffer.write(FRAME.to_csv(index=False).encode()),
        "json": lambda: buffer.write(FRAME.to_json(orient="records").encode()),
        "jsonl": lambda: buffer.write(FRAME.to_json(orient="records", lines=True).encode()),
        "parquet": lambda: FRAME.to_parquet(buffer),
        "excel": lambda: FRAME.to_excel(buffer, index=False),
        "xml": lambda: FRAME.to_xml(buffer, index=False),
    }
    write[name]()
    return buffer.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_from_bytes_and_from_a_file(tmp_path: Path, name: str) -> None:
    options = {"dtype": {"name": "str"}} if name in ("csv", "excel", "xml") else {}
    path = tmp_path / "data"
    path.write_bytes(encoded(name))

    for raw in (encoded(name), path):
        pd.testing.assert_frame_equal(pd.concat(map(as_frame, decode(raw, name, options))), FRAME)


@pytest.mark.parametrize("name", [name for name, found in FORMATS.items() if found.text])
def test_text_formats_are_read_from_text(name: str) -> None:
    options = {"dtype": {"name": "str"}} if name in ("csv", "xml") else {}

    pd.testing.assert_frame_equal(pd.concat(decode(encoded(name).decode(), name, options)), FRAME)


@pytest.mark.parametrize("name", [name for name, found in FORMATS.items() if not found.text])
def test_binary_formats_are_not_read_from_text(name: str) -> None:
    with pytest.raises(UnusableDataError, match=f"returned text, but {name} is binary; return bytes or a Path"):
        decode("x", name, {})


@pytest.mark.parametrize(("name", "option"), [("csv", "chunksize"), ("jsonl", "chunksize"), ("parquet", "batch_size")])
def test_large_files_are_read_in_chunks(name: str, option: str) -> None:
    options = {"dtype": {"name": "str"}} if name == "csv" else {}

    assert [len(chunk) for chunk in decode(encoded(name), name, {option: 1, **options})] == [1, 1]


def test_json_is_not_guessed_at() -> None:
    (frame,) = decode(b'[{"id": "007", "created_at": "2024-01-01"}]', "json", {})

    assert frame.to_dict("records") == [{"id": "007", "created_at": "2024-01-01"}]


def test_options_are_the_readers_own() -> None:
    (frame,) = decode(b"1;2,5", "csv", {"sep": ";", "decimal": ",", "header": None, "names": ["a", "b"]})

    assert frame.to_dict("records") == [{"a": 1, "b": 2.5}]


@pytest.mark.parametrize(
    ("name", "option", "message"),
    [
        ("csv", "delimeter", "'delimeter' is not an option of pandas.read_csv; near are delimiter"),
        ("csv", "filepath_or_buffer", "'filepath_or_buffer' is not an option of pandas.read_csv"),
        ("jsonl", "lines", "'lines' is not an option of pandas.read_json"),
        ("parquet", "column", "'column' is not an option of pyarrow.parquet.ParquetFile or "
                              "pyarrow.parquet.ParquetFile.iter_batches; near are columns"),
        ("dataframe", "sep", "'sep' is not an option: 'dataframe' has none"),
    ],
)  # fmt: skip
def test_option_problems_are_named_with_near_ones(name: str, option: str, message: str) -> None:
    assert option_problems(name, {option: 1}) == {option: message}
    if name != "dataframe":
        with pytest.raises(UnusableDataError, match="returned data that cannot be decoded: data_format: "):
            decode(b"", name, {option: 1})


def test_a_workbooks_sheets_are_not_one_table() -> None:
    with pytest.raises(UnusableDataError, match="an entity is one table, so name one sheet"):
        list(decode(encoded("excel"), "excel", {"sheet_name": None}))


@pytest.mark.parametrize(("name", "extra"), [("excel", "excel"), ("xml", "xml")])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, name: str, extra: str) -> None:
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(MissingExtraError) as raised:
        decode(b"", name, {})

    assert str(raised.value).endswith(f"-m pip install 'custom-store-pipeline[{extra}]'")


def test_a_parquet_file_without_rows_keeps_its_columns() -> None:
    buffer = io.BytesIO()
    FRAME[:0].to_parquet(buffer)

    assert names_of(next(decode(buffer.getvalue(), "parquet", {}))) == ["id", "name"]
    assert names_of(next(decode(buffer.getvalue(), "parquet", {"columns": ["name"]}))) == ["name"]


BIG = 2**53 + 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("csv", f"id,x\n{BIG},a\n,b\n"),
        ("json", f'[{{"id": {BIG}}}, {{"id": null}}]'),
        ("jsonl", f'{{"id": {BIG}}}\n\n{{"id": null}}\n'),
    ],
)
def test_integers_beside_a_gap_keep_their_digits(name: str, content: str) -> None:
    (frame,) = decode(content, name, {})

    assert frame["id"][0] == BIG
    assert pd.isna(frame["id"][1])


def test_usual_types_where_nothing_is_missing() -> None:
    (frame,) = decode("i,f,s,b\n1,0.1234567890123456,x,true\n", "csv", {})

    assert [str(dtype) for dtype in frame.dtypes] == ["int64", "float64", "str", "bool"]
    assert frame["f"][0] == 0.1234567890123456


def test_rows_longer_than_the_header_are_not_shifted() -> None:
    with pytest.raises(UnusableDataError, match="rows have more values than its header has names; if each line ends"):
        list(decode("a,b\n1,2,\n3,4,\n", "csv", {}))

    (frame,) = decode("a,b\n1,2,\n3,4,\n", "csv", {"index_col": False})
    assert frame.to_dict("list") == {"a": [1, 3], "b": [2, 4]}


def test_a_column_that_changes_its_kind_is_refused_with_the_remedy() -> None:
    text = "id\n7\nA12\n"

    with pytest.raises(
        UnusableDataError, match=r"the column 'id' is numbers at first and text later .*dtype: \{id: str\}"
    ):
        list(decode(text, "csv", {"chunksize": 1}))
    assert pd.concat(decode(text, "csv", {"chunksize": 1, "dtype": {"id": "str"}}))["id"].tolist() == ["7", "A12"]


def test_a_separator_of_several_characters_is_fine() -> None:
    (frame,) = decode("a;;b\n1;;2\n", "csv", {"sep": ";;", "engine": "python"})

    assert frame.to_dict("records") == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("options", [{"index_col": "id"}, {"index_col": 0}, {"engine": "pyarrow"}, FOOTER])
def test_indexes_and_engines_change_nothing(options: dict) -> None:
    (piece,) = decode("id,x\n1,a\n", "csv", options)

    assert as_frame(piece).to_dict("records") == [{"id": 1, "x": "a"}]
    assert as_frame(piece)["id"].dtype == "int64"


def test_an_empty_chunksize_is_as_if_not_written() -> None:
    assert len(list(decode("a\n1\n2\n", "csv", {"chunksize": None}))) == 1


def test_compressed_files_are_read(tmp_path: Path) -> None:
    for name, content in {"csv": b"id\n1\n", "json": b'[{"id": 1}]', "jsonl": b'{"id": 1}\n'}.items():
        path = tmp_path / f"data.{name}.gz"
        path.write_bytes(gzip.compress(content))
        assert pd.concat(decode(path, name, {}))["id"].tolist() == [1]


@pytest.mark.parametrize(
    ("name", "content"), [("json", b"id\n1\n"), ("parquet", b"id\n1\n"), ("csv", b""), ("excel", b"x"), ("xml", b"x")]
)
def test_data_in_another_format_is_named_with_the_format(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / "data"
    path.write_bytes(content)

    with pytest.raises(UndecodableDataError) as raised:
        list(decode(path, name, {}))

    assert str(raised.value).startswith(f"returned the path {path}, which cannot be read as {name}: ")
    assert str(raised.value).endswith("; check from.data_format in the mapping")
    assert "Traceback" in raised.value.driver_traceback


def test_a_path_that_is_not_there_is_no_matter_of_the_format(tmp_path: Path) -> None:
    with pytest.raises(UndecodableDataError, match="FileNotFoundError: .*; return the path of a file"):
        list(decode(tmp_path / "none.csv", "csv", {}))


def test_booleans_are_no_numbers() -> None:
    with pytest.raises(UnusableDataError, match="the column 'a' is booleans at first and numbers later"):
        list(decode("a\nTrue\n5\n", "csv", {"chunksize": 1}))

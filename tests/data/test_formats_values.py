"""A value arrives as it was, or the entity fails with what to do, or the user asked for the change."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from custom_store_pipeline.data.formats import decode, option_problems
from custom_store_pipeline.data.pieces import as_frame
from custom_store_pipeline.errors import UndecodableDataError, UnusableDataError

BIG = 2**53 + 1


def column(raw: object, name: str, **options: object) -> list:
    """The values of column ``a`` as they arrive, nulls as None."""
    values = [getattr(value, "item", lambda value=value: value)()
              for chunk in decode(raw, name, options) for value in as_frame(chunk)["a"]]  # fmt: skip
    return [None if value is pd.NA or (isinstance(value, float) and value != value) else value for value in values]


def types(raw: object, name: str, **options: object) -> list[str]:
    return [str(chunk["a"].dtype) for chunk in decode(raw, name, options)]


def workbook(*rows: list) -> bytes:
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(buffer)
    return buffer.getvalue()


# Options that are null


def test_a_null_header_keeps_the_first_row() -> None:
    (frame,) = decode("1,x\n2,y\n", "csv", {"header": None})

    assert frame.to_dict("list") == {0: [1, 2], 1: ["x", "y"]}


def test_a_null_beside_an_empty_chunksize_is_still_passed_on() -> None:
    (frame,) = decode("1,x\n2,y\n", "csv", {"chunksize": None, "header": None})

    assert len(frame) == 2


def test_a_null_compression_is_none_whatever_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"a\n1\n")

    assert column(path, "csv", compression=None) == [1]


def test_a_null_separator_is_detected() -> None:
    assert column("a;b\n1;2\n3;4\n", "csv", sep=None, engine="python") == [1, 3]


# csv


@pytest.mark.parametrize("text", ["NA", "None", "nan", "N/A", "NULL", "null", "NaN", "n/a", "<NA>"])
def test_only_the_empty_field_of_a_csv_is_null(text: str) -> None:
    assert column(f"a,b\n{text},1\n,2\n", "csv") == [text, None]
    assert column(f"a,b\n{text},1\n,2\n", "csv", keep_default_na=True) == [None, None]
    assert column(f"a,b\n{text},1\n,2\nx,3\n", "csv", na_values=["x"]) == [text, None, None]
    assert column(f"a,b\n{text},1\n,2\nx,3\n", "csv", na_values={"a": ["x"]}) == [text, None, None]


@pytest.mark.parametrize(
    "text",
    ["01234", "+49170", "1E5", "1e5", "+1.5", ".5", "5.", "00", "0x10", "1_000", " 5", "18446744073709551616",
     "0.12345678901234567890", "1.0e5", "Infinity", "yes"],
)  # fmt: skip
def test_a_text_that_would_not_come_back_from_a_number_stays_text(text: str) -> None:
    assert column(f"a,b\n{text},1\n7,2\n", "csv") == [text, "7"]
    assert column(f"a,b\n7,1\n{text},2\n", "csv") == ["7", text]


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("-7", -7), ("0", 0), ("1.5", 1.5), ("1.0", 1.0), ("1e-07", 1e-07), ("1e+22", 1e22),
     ("0.1234567890123456", 0.1234567890123456), ("2.5e-05", 2.5e-05), (str(BIG), BIG),
     ("True", True), ("FALSE", False)],
)  # fmt: skip
def test_a_text_that_comes_back_is_a_value(text: str, value: object) -> None:
    (found,) = column(f"a,b\n{text},1\n", "csv")

    assert (type(found), found) == (type(value), value)


def test_zeros_at_the_end_are_kept() -> None:
    assert column("a\n1.9\n1.10\n", "csv") == ["1.9", "1.10"]  # versions, say
    assert column("a\n9.90\n", "csv") == ["9.90"]
    assert column("a\n9.90\n", "csv", dtype={"a": "float64"}) == [9.9]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1.0", "2.5"], [1.0, 2.5]),  # Python's way of writing floats
        (["1", "2.5"], [1.0, 2.5]),  # R's and JavaScript's
        (["1.0", "1"], ["1.0", "1"]),  # nobody's
        (["1e+16", "0.5"], [1e16, 0.5]),
        (["1000000000000000.0", "0.5"], [1e15, 0.5]),
    ],
)
def test_floats_are_numbers_if_one_way_of_writing_gives_all_texts_back(texts: list, values: list) -> None:
    found = column("a\n" + "\n".join(texts), "csv")

    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_pandas_guess_is_a_setting() -> None:
    assert column("a\n01234\n1E5\n", "csv", exact=False) == [1234.0, 100000.0]


def test_digits_and_gaps_of_numbers_that_no_integer_holds() -> None:
    long = "12345678901234567890"

    assert column(f"a,b\n{long},1\n,2\n", "csv") == [long, None]


def test_a_csv_column_of_large_integers_and_fractions_keeps_its_digits() -> None:
    assert column(f"a\n{BIG}\n0.5\n", "csv") == [str(BIG), "0.5"]


def test_a_csv_column_that_was_text_stays_text_in_later_chunks() -> None:
    assert column("a\n007\n12\n", "csv", chunksize=1) == ["007", "12"]


def test_other_decimals_and_thousands_are_as_the_mapping_says() -> None:
    assert column("a;b\n1.234,5;x\n", "csv", sep=";", decimal=",", thousands=".") == [1234.5]
    assert column("a;b\n01,5;x\n", "csv", sep=";", decimal=",") == ["01,5"]


def test_asked_types_are_given() -> None:
    assert types("a,b\n01,x\n", "csv", dtype={"a": "int64"}) == ["int64"]
    assert types("a,b\n1,x\n", "csv", dtype_backend="pyarrow") == ["int64[pyarrow]"]
    assert types("a,b\n1,x\n", "csv", dtype_backend="numpy_nullable") == ["Int64"]
    assert types("a,b\n2024-01-02,x\n", "csv", parse_dates=["a"])[0].startswith("datetime64")
    assert column("a,b\n01,x\n", "csv", converters={"a": int}) == [1]
    assert column("a,b\nyes,x\nno,x\n", "csv", true_values=["yes"], false_values=["no"]) == [True, False]


# Compression and byte order marks

CONTENT = {"csv": "a\n1\n", "json": '[{"a": 1}]', "jsonl": '{"a": 1}\n'}


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_compressed_bytes_are_seen_from_their_first_bytes(name: str, compress) -> None:
    assert column(compress(CONTENT[name].encode()), name) == [1]


@pytest.mark.parametrize("name", CONTENT)
def test_a_byte_order_mark_is_no_part_of_the_data(name: str) -> None:
    assert column("\ufeff" + CONTENT[name], name) == [1]
    assert column(("\ufeff" + CONTENT[name]).encode(), name) == [1]


# json and jsonl


def encoded(name: str, values: list) -> str:
    rows = [json.dumps({"a": value}) for value in values]
    return "[" + ",".join(rows) + "]" if name == "json" else "\n".join(rows)


@pytest.mark.parametrize("name", ["json", "jsonl"])
@pytest.mark.parametrize(
    "values",
    [[BIG, 0.5], [BIG, float("inf")], [2**64 - 1, -1], [2**64 - 1, None], [10**30, None], [True, None], [BIG, None]],
)
@pytest.mark.parametrize("options", [{}, {"date_unit": "ms"}, {"precise_float": True}, {"dtype": False}])
def test_json_values_arrive_as_they_were(name: str, values: list, options: dict) -> None:
    found = column(encoded(name, values), name, **options)

    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize("options", [{}, {"date_unit": "ms"}])
def test_a_large_integer_beside_nan_keeps_its_digits(options: dict) -> None:
    assert column(f'[{{"a": {BIG}}}, {{"a": NaN}}]', "json", **options) == [BIG, None]


def test_floats_keep_their_last_place_whatever_the_options() -> None:
    assert column('[{"a": 0.8988465674311579}]', "json", date_unit="ms") == [0.8988465674311579]


def test_types_of_jsonl_do_not_change_from_chunk_to_chunk() -> None:
    assert types(encoded("jsonl", [True, None]), "jsonl", chunksize=1)[0] == "boolean"
    assert types(encoded("jsonl", [1, 2]), "jsonl", chunksize=1) == ["Int64", "Int64"]
    assert types(encoded("jsonl", [1, 2]), "jsonl") == ["int64"]


def test_unsigned_integers_of_several_chunks_keep_their_digits() -> None:
    chunks = list(decode(encoded("jsonl", [2**64 - 1, -1]), "jsonl", {"chunksize": 1}))

    assert pd.concat(chunks)["a"].tolist() == [2**64 - 1, -1]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("json", '{"data": [{"a": 1}], "next": null}', "is one object, .* data_format.records: data$"),
        ("json", '{"data": {"items": [{"a": 1}]}}', "data_format.records: data.items$"),
        ("json", '{"columns": ["a"], "index": [0], "data": [[1]]}', "set data_format.orient: split"),
        ("json", '{"a": {"0": 1}}', "set data_format.orient: columns or data_format.orient: index"),
        ("json", '{"a": 1}', "is one object, not a list of objects; put it into a list"),
        ("json", "[1, 2]", "item 1 is a number, not an object; each item must be an object"),
        ("json", '[{"a": 1}, null]', "item 2 is null, not an object"),
        ("json", "[[1, 2]]", "item 1 is a list, not an object; for a list of lists, set data_format.orient: values"),
        ("json", '[{"a": "\\ud800"}]', r"the column 'a' of row 1 has half of a character \('\\ud800'\)"),
        ("json", f'[{{"a": {"9" * 5000}}}]', r"column 'a' has an integer of 5,000 digits \(999.*as text, in quotes"),
        ("jsonl", '[{"a": 1}]', "line 1 is a list, not an object; set data_format.type: json"),
        ("jsonl", '{"a": 1}\n5\n', "line 2 is a number, not an object; each line must be an object"),
        ("jsonl", f'{{"a": {"9" * 5000}}}', "column 'a' of line 1 has an integer of 5,000 digits"),
    ],
)  # fmt: skip
def test_json_that_is_no_table_is_refused_with_the_remedy(name: str, text: str, message: str) -> None:
    with pytest.raises(UnusableDataError, match=message):
        list(decode(text, name, {}))


def test_records_takes_the_list_out() -> None:
    assert column('{"data": {"items": [{"a": 1}]}, "next": null}', "json", records="data.items") == [1]
    assert option_problems("json", {"records": "data"}) == {}
    assert option_problems("csv", {"records": "data"}) == {"records": "'records' is not an option of pandas.read_csv"}
    with pytest.raises(UnusableDataError, match="without 'rows' of the path data_format.records: data.rows; there are"):
        column('{"data": {"items": []}}', "json", records="data.rows")


@pytest.mark.parametrize("orient", ["split", "records", "index", "columns", "table"])
def test_orients_of_pandas_are_read_without_loss(orient: str) -> None:
    frame = pd.DataFrame({"a": pd.array([BIG, None], dtype="Int64"), "b": ["x", "y"]})

    assert column(frame.to_json(orient=orient), "json", orient=orient) == [BIG, None]


def test_conversions_that_the_user_asks_for_are_done() -> None:
    text = f'[{{"a": 1, "b": {BIG}}}, {{"a": 2, "b": null}}]'

    (frame,) = decode(text, "json", {"dtype": {"a": "float64"}})
    assert [str(kind) for kind in frame.dtypes] == ["float64", "Int64"]
    assert frame["b"][0] == BIG


# excel


@pytest.mark.parametrize("text", ["01234", "7", "1E5", "TRUE", "4111111111111111", "NA", "None"])
def test_text_cells_stay_text(text: str) -> None:
    assert column(workbook(["a"], [text], ["x"], [None], ["y"]), "excel") == [text, "x", None, "y"]
    assert column(workbook(["a", "b"], [text, 1], [None, 2]), "excel") == [text, None]


@pytest.mark.parametrize("values", [[10**15 + 1, None], [True, None], [1, 0.5], [1, None, 3]])
def test_cells_beside_gaps_keep_their_type(values: list) -> None:
    found = column(workbook(["a", "b"], *([value, "x"] for value in values)), "excel")

    assert found == values
    assert type(found[0]) is (float if 0.5 in values else type(values[0]))


def test_dates_of_a_workbook_are_dates() -> None:
    days = [pd.Timestamp("2024-01-02"), None]

    assert types(workbook(["a", "b"], *([day, 1] for day in days)), "excel")[0].startswith("datetime64")


def test_pandas_guess_for_a_workbook_is_a_setting() -> None:
    assert column(workbook(["a"], ["01234"]), "excel", exact=False) == [1234]


# xml


def test_the_encoding_that_xml_declares_is_used(tmp_path: Path) -> None:
    raw = '<?xml version="1.0" encoding="ISO-8859-1"?><r><x><a>ä</a></x></r>'
    path = tmp_path / "a.xml"
    path.write_bytes(raw.encode("latin-1"))

    assert column(raw.encode("latin-1"), "xml") == ["ä"]
    assert column(path, "xml") == ["ä"]
    assert column(raw, "xml") == ["ä"]


@pytest.mark.parametrize(
    ("inner", "problem"),
    [
        ("<a><b>1</b></a>", "has elements of its own"),
        ("<a>1</a><a>2</a>", "is there more than once"),
        ('<a unit="kg">1</a>', "has attributes of its own"),
    ],
)
def test_what_a_column_cannot_hold_is_refused(inner: str, problem: str) -> None:
    with pytest.raises(UnusableDataError, match=f"'a' of row 1 {problem}, which a column cannot hold; .*xpath"):
        list(decode(f"<r><x>{inner}</x></r>", "xml", {}))


@pytest.mark.parametrize(
    ("texts", "values"),
    [([str(BIG), ""], [BIG, None]), (["007", "8"], ["007", "8"]), (["NA", "x"], ["NA", "x"]), (["1", "2"], [1, 2])],
)
def test_xml_values_arrive_as_they_were(texts: list, values: list) -> None:
    rows = "".join(f"<x><a>{text}</a><b>1</b></x>" for text in texts)

    assert column(f"<r>{rows}</r>", "xml") == values


def test_xml_that_selects_nothing_is_an_error() -> None:
    with pytest.raises(UndecodableDataError, match="selects no elements"):
        list(decode("<r><x><a>1</a></x></r>", "xml", {"xpath": ".//none"}))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("<x>lost<a>1</a></x>", "'x' of row 1 has text beside its elements"),
        ('<x a="1"><a>2</a></x>', "'a' of row 1 is there more than once"),
        ("<x><a>&mine;</a></x>", "'a' of row 1 refers to an entity of the document's own"),
    ],
)
def test_nothing_of_a_row_is_lost(row: str, problem: str) -> None:
    with pytest.raises(UnusableDataError, match=problem):
        list(decode(f'<!DOCTYPE r [<!ENTITY mine "1">]><r>{row}</r>', "xml", {}))


def test_rows_that_are_texts_are_a_column() -> None:
    assert column("<r><a>01</a><a>02</a></r>", "xml") == ["01", "02"]


SHEET = """
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/"><r><x><a><xsl:value-of select="//b"/></a></x></r></xsl:template>
</xsl:stylesheet>"""


@pytest.mark.parametrize(
    ("document", "options"),
    [
        ("<r><b>{}</b></r>", {"stylesheet": SHEET}),
        ("<r><x><y><a>{}</a></y></x></r>", {"iterparse": {"x": ["a"]}}),
        ("<r><x><y><a>{}</a></y></x></r>", {"xpath": "//y"}),
    ],
)
@pytest.mark.parametrize("text", ["007", "NA", str(BIG)])
def test_the_ways_to_flatten_xml_change_no_value(document: str, options: dict, text: str) -> None:
    (value,) = column(document.format(text), "xml", **options)

    assert str(value) == text


def test_what_is_picked_twice_is_refused() -> None:
    with pytest.raises(UnusableDataError, match="'a' of row 1 is there more than once"):
        column("<r><x><a>1</a><a>2</a></x></r>", "xml", iterparse={"x": ["a"]})


def test_dates_of_xml_are_read_if_asked() -> None:
    xml = "<r><x><a>2024-01-02</a></x></r>"

    assert types(xml, "xml") == ["str"]
    assert types(xml, "xml", parse_dates=["a"])[0].startswith("datetime64")


def test_options_that_only_pandas_has_are_passed_on() -> None:
    assert column("<r><x><a>01</a></x></r>", "xml", converters={"a": int}) == [1]


# Chunks


def test_integers_and_fractions_of_several_csv_chunks_keep_their_digits() -> None:
    with pytest.raises(
        UnusableDataError,
        match=r"'a' is integers beyond 2\*\*53 at first and fractions later \(such as '0.5'\); .*dtype: \{a: str",
    ):
        list(decode(f"a\n{BIG}\n0.5\n", "csv", {"chunksize": 1}))
    with pytest.raises(
        UnusableDataError, match=rf"is fractions at first and integers beyond 2\*\*53 later \(such as '{BIG}'\)"
    ):
        list(decode(f"a\n0.5\n1\n{BIG}\n", "csv", {"chunksize": 1}))
    assert column("a\n1\n0.5\n", "csv", chunksize=1) == [1, 0.5]


def test_the_value_that_changes_a_column_to_text_is_named() -> None:
    with pytest.raises(UnusableDataError, match=r"numbers at first and text later \(such as '007'\)"):
        list(decode("a\n1\n2\n5\n007\n", "csv", {"chunksize": 2}))


@pytest.mark.parametrize(("text", "dtype"), [("1", "Int64"), ("0.5", "float64"), ("True", "boolean"), ("x", "str")])
def test_a_chunk_of_gaps_has_the_type_of_those_before(text: str, dtype: str) -> None:
    assert types(f"a,b\n{text},1\n,2\n", "csv", chunksize=1)[1] == dtype


@pytest.mark.parametrize("values", [[BIG, 0.5], [0.5, BIG], [BIG, 0.5, None, 7, True]])
def test_numbers_of_several_jsonl_chunks_keep_their_digits(values: list) -> None:
    joined = pd.concat(decode(encoded("jsonl", values), "jsonl", {"chunksize": 1}))["a"]

    assert [None if pd.isna(value) else value for value in joined] == values


# How content is read


def test_engines_of_csv_change_no_value() -> None:
    assert column("a,b\n007,1\n,2\n", "csv", engine="pyarrow") == ["007", None]
    assert column("a,b\n007,1\n,2\n", "csv", engine="python") == ["007", None]


@pytest.mark.parametrize("options", [{"sep": None}, {"sep": ";+"}, {"sep": ";", "skipfooter": 1}])
def test_separators_that_only_pandas_slow_engine_knows_need_no_other_option(options: dict) -> None:
    assert column("a;b\n1;2\n3;4\n", "csv", **options) == ([1] if "skipfooter" in options else [1, 3])


def test_a_null_index_is_as_if_there_were_none() -> None:
    with pytest.raises(UnusableDataError, match="rows have more values than its header has names"):
        list(decode("a,b\n1,2,\n3,4,\n", "csv", {"index_col": None}))


def test_columns_without_null_values_of_their_own_have_null_fields_too() -> None:
    (frame,) = decode("a,b\nx,NA\n,\n", "csv", {"na_values": {"a": ["x"]}})

    assert frame["a"].isna().all()
    assert [None if pd.isna(value) else value for value in frame["b"]] == ["NA", None]


@pytest.mark.parametrize("name", CONTENT)
def test_compressed_files_are_seen_whatever_their_ending(tmp_path: Path, name: str) -> None:
    path = tmp_path / "data"
    path.write_bytes(gzip.compress(CONTENT[name].encode()))

    assert column(path, name) == [1]
    with path.open("rb") as file:
        assert column(file, name) == [1]


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, '{"a": 1}\n')
    return buffer.getvalue()


def test_a_zip_archive_is_one_file() -> None:
    assert column(zipped("x.jsonl"), "jsonl") == [1]
    with pytest.raises(UnusableDataError, match="a zip archive with 2 files; an entity is one table"):
        column(zipped("x.jsonl", "y.jsonl"), "jsonl")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_jsons_own_encodings_are_seen(name: str, encoding: str) -> None:
    assert column(encoded(name, ["ä", "€"]).encode(encoding), name) == ["ä", "€"]


def test_a_text_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(CONTENT["jsonl"], encoding="utf-8-sig")

    with path.open(encoding="utf-8") as file:
        assert column(file, "jsonl") == [1]


# json's options and layouts


def test_a_broken_line_is_named() -> None:
    with pytest.raises(UndecodableDataError, match="ValueError: line 2: Expecting value at column 7"):
        column('{"a": 1}\n{"a": }\n', "jsonl")


def test_half_of_a_character_inside_a_value_is_named_too() -> None:
    with pytest.raises(UnusableDataError, match=r"the column 'a' of row 2 has half of a character"):
        column('[{"a": {"b": "\\ud83d\\ude00"}}, {"a": {"b": "\\ud83d"}}]', "json")


def test_an_asked_type_is_made_of_the_exact_value() -> None:
    assert column(f'[{{"a": {BIG}}}, {{"a": null}}]', "json", dtype={"a": "str"}) == [str(BIG), None]
    assert column(f'[{{"a": {BIG}}}, {{"a": null}}]', "json", dtype="str") == [str(BIG), None]


@pytest.mark.filterwarnings("ignore:The 'convert_dates' keyword")  # pandas 3.1 tells the user that it will be gone
def test_dates_are_converted_if_asked() -> None:
    text = '[{"a": "2024-01-02", "created_at": "2024-01-02", "b": "007"}]'

    (frame,) = decode(text, "json", {"convert_dates": ["a"]})
    assert [frame["a"].dtype.kind, frame["created_at"][0], frame["b"][0]] == ["M", "2024-01-02", "007"]
    (frame,) = decode(text, "json", {"convert_dates": True})
    assert [frame["a"][0], frame["created_at"].dtype.kind] == ["2024-01-02", "M"]


def test_pandas_guess_for_json_is_a_setting() -> None:
    assert column('[{"a": "007"}]', "json", dtype=True) == [7]
    assert column('{"a": "007"}\n', "jsonl", dtype=True) == [7]


def test_columns_of_one_name_are_not_merged() -> None:
    (frame,) = decode('{"columns": ["a", "a"], "data": [[1, 2]]}', "json", {"orient": "split"})

    assert frame.to_numpy().tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("text", "orient", "remedy"),
    [
        ('[{"a": 1}]', "split", "for a list of objects, leave orient out"),
        ('{"columns": ["a"], "data": [[1, 2]]}', "split", "set data_format.orient: split"),
        ('{"data": [{"a": 1}]}', "split", "data_format.records: data"),
        ('[{"a": 1}]', "rows", "use one of records, split"),
    ],
)
def test_a_layout_that_the_document_has_not_is_refused(text: str, orient: str, remedy: str) -> None:
    with pytest.raises(UnusableDataError, match=remedy):
        column(text, "json", orient=orient)


@pytest.mark.parametrize("name", ["csv", "json", "excel", "xml"])
def test_asked_backends_hold_the_same_values(name: str) -> None:
    big = 10**15 + 1  # Excel has no more digits
    raw = {
        "csv": f"a,b\n{big},x\n,y\n",
        "json": f'[{{"a": {big}}}, {{"a": null}}]',
        "excel": workbook(["a", "b"], [big, 1], [None, 2]),
        "xml": f"<r><x><a>{big}</a></x><x><a/></x></r>",
    }[name]

    assert types(raw, name, dtype_backend="pyarrow") == ["int64[pyarrow]"]
    assert column(raw, name, dtype_backend="pyarrow") == [big, None]


def test_texts_of_a_workbook_are_numbers_if_the_mapping_says_how_they_are_written() -> None:
    assert column(workbook(["a"], ["1.234,5"]), "excel", decimal=",", thousands=".") == [1234.5]


def test_without_pandas_list_and_without_null_values_nothing_is_null() -> None:
    assert column("a,b\n,x\n", "csv", na_filter=False) == [""]
    assert column("a,b\nx,1\n,2\n", "csv", keep_default_na=False, na_values="x") == [None, ""]


def test_half_of_a_character_that_is_not_escaped_is_named_too() -> None:
    with pytest.raises(UnusableDataError, match="not valid Unicode in the column 'a'"):
        column('[{"a": "\ud83d"}]', "json")

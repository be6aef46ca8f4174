"""Pushing Arrow through a real driver file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from custom_store_pipeline.data.pulled import DataFormat, Pulled
from custom_store_pipeline.drivers.endpoint import Endpoint, as_frames, open_data
from custom_store_pipeline.drivers.loading import DriverVersion
from custom_store_pipeline.drivers.push_status import PushStatus
from custom_store_pipeline.errors import DriverSignatureError, PullError, PushError, UnusableDataError
from custom_store_pipeline.redaction import Redactor
from tests.world.projects_folder import ProjectsFolder

DRIVER = """
    class ArrowDriver:
        def push_arrow(self, config, entity, reader, deletes=None):
            if entity == "impatient":
                reader.read_next_batch()
                return True
            if entity == "swallows":
                try:
                    reader.read_all()
                except Exception:
                    pass
                return True
            if entity == "fails":
                raise OSError("no space for s3cret")
            rows = [batch.num_rows for batch in reader]
            gone = "" if deletes is None else str(deletes.schema)
            return {"rows": rows, "schema": str(reader.schema), "deletes": gone}
"""
REDACTOR = Redactor(["s3cret"])
WHO = "pull_data of 'shop/source' for 'items'"


@pytest.fixture
def driver(projects: ProjectsFolder) -> DriverVersion:
    projects.driver("arrow_driver", DRIVER)
    return projects.driver_version("arrow_driver")


def push(driver: DriverVersion, returned: Any, entity: str = "items") -> PushStatus:
    target = Endpoint(driver, entity, dict, REDACTOR)
    assert target.has("push_arrow")
    with open_data(lambda: returned, DataFormat(), WHO, REDACTOR, as_arrow=True) as pulled:
        return target.push(pulled)


def yielded(*pieces: Any) -> Iterator[Any]:
    yield from pieces


SCHEMA = pa.schema([("id", pa.int32()), ("name", pa.string())])
TABLE = pa.table({"id": [1, 2], "name": ["a", None]}, SCHEMA)


@pytest.mark.parametrize(
    ("returned", "rows", "schema"),
    [
        (TABLE, [2], "id: int32\nname: string"),
        (TABLE.to_reader(max_chunksize=1), [1, 1], "id: int32\nname: string"),
        (yielded(TABLE, TABLE), [2, 2], "id: int32\nname: string"),
        (pd.DataFrame({"id": [1]}), [1], "id: int64"),
        ([{"id": 1, "more": {"a": 1}}], [1], "id: int64\nmore: string"),
        (yielded(TABLE, [{"id": 2**40}]), [2, 1], "id: int64\nname: string"),
        (TABLE[:0], [0], "id: int32\nname: string"),
        (yielded(), [0], ""),
    ],
    ids=["table", "reader", "tables", "frame", "records", "table and records", "no rows", "nothing"],
)
def test_whatever_was_pulled_arrives_with_one_schema(
    driver: DriverVersion, returned: Any, rows: list[int], schema: str
) -> None:
    status = push(driver, returned)

    assert (status.metadata["rows"], status.metadata["schema"]) == (rows, schema)


def test_an_arrow_stream_is_pulled_when_the_driver_asks_for_it(projects: ProjectsFolder) -> None:
    taken: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(3):
            taken.append(number)
            yield pa.record_batch([[number], ["x"]], schema=SCHEMA)

    reader = pa.RecordBatchReader.from_batches(SCHEMA, batches())
    with open_data(lambda: reader, DataFormat(), WHO, REDACTOR, as_arrow=True) as pulled:
        assert taken == []
        next(iter(pulled.stream))
        assert taken == [0]


def test_deletes_are_a_table_with_the_types_of_the_data(driver: DriverVersion) -> None:
    status = push(driver, Pulled(TABLE, deletes=[{"id": 7}]))

    assert status.metadata["deletes"] == "id: int32"


def test_batches_that_were_not_read_are_a_failure(driver: DriverVersion) -> None:
    with pytest.raises(PushError, match="returned before it had read all batches of the reader") as raised:
        push(driver, TABLE.to_reader(max_chunksize=1), "impatient")

    assert raised.value.terminal


def test_what_the_driver_raises_comes_out_redacted(driver: DriverVersion) -> None:
    with pytest.raises(PushError, match=r"push_arrow of .* for 'fails' raised OSError: no space for \*\*\*"):
        push(driver, TABLE, "fails")


def test_what_the_source_raises_stays_its_own_error(driver: DriverVersion) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield TABLE.to_batches()[0]
        raise OSError("connection lost")

    def reader() -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(SCHEMA, batches())

    with pytest.raises(PullError, match="pull_data of 'shop/source' for 'items' raised OSError: .*connection lost"):
        push(driver, reader())


def test_types_without_a_common_one_name_the_source(driver: DriverVersion) -> None:
    with pytest.raises(UnusableDataError, match=f"{WHO} yielded the column 'id' as int32 at first and as string"):
        push(driver, yielded(TABLE, pa.table({"id": ["x"]})))


def test_the_argument_for_deletes_is_optional_until_there_are_some(projects: ProjectsFolder) -> None:
    projects.driver("plain_driver", "class PlainDriver:\n    def push_arrow(self, c, e, reader): reader.read_all()")
    driver = projects.driver_version("plain_driver")
    push(driver, TABLE)

    with pytest.raises(DriverSignatureError, match="'push_arrow' does not take them; add the argument deletes=None"):
        push(driver, Pulled(TABLE, deletes=[{"id": 7}]))


def test_a_driver_without_push_arrow_gets_pandas(projects: ProjectsFolder) -> None:
    text = "class PandasDriver:\n    def push_data(self, c, e, df, deletes_df=None): return {'type': type(df).__name__}"
    projects.driver("pandas_driver", text)
    target = Endpoint(projects.driver_version("pandas_driver"), "items", dict, REDACTOR)

    assert not target.has("push_arrow")
    with open_data(lambda: TABLE, DataFormat(), WHO, REDACTOR) as pulled:
        assert target.push(as_frames(pulled, WHO, REDACTOR)).metadata == {"type": "DataFrame"}

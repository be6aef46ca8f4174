"""Arrow from the source to a target that takes Arrow, through Dagster."""

from __future__ import annotations

import contextlib
import decimal
import re
from typing import Any

import duckdb
import pytest

from tests.world.projects_folder import CHECKOUT, ProjectsFolder

TARGET = """
    import duckdb

    class LakeStoreDriver:
        def push_arrow(self, config, entity, reader, deletes=None):
            no_rows = reader.schema.empty_table()
            with duckdb.connect(config["args"]["path"]) as connection:
                # DuckDB reads variables that hold Arrow by their names.
                connection.execute(f'CREATE TABLE IF NOT EXISTS "{entity}" AS SELECT * FROM no_rows')
                connection.execute("BEGIN")
                pushed = reader.read_all()
                connection.execute(f'DELETE FROM "{entity}" WHERE id IN (SELECT id FROM pushed)')
                connection.execute(f'INSERT INTO "{entity}" SELECT * FROM pushed')
                if deletes is not None:
                    connection.execute(f'DELETE FROM "{entity}" WHERE id IN (SELECT id FROM deletes)')
                connection.execute("COMMIT")
            types = ", ".join(map(str, reader.schema.types))
            return {"types": types, "deleted": 0 if deletes is None else len(deletes)}
"""

MAPPING = """
    mappings:
      - mapping:
          from:
            store: {{type: custom, file_name: items_store_driver}}
            {more}
            entity: {{include: [items], primary_keys: [id]}}
          to: {{file_name: lake_store_driver, args: {{path: lake.duckdb}}}}
          {options}
"""


@pytest.fixture
def lake(projects: ProjectsFolder) -> ProjectsFolder:
    projects.driver("lake_store_driver", TARGET)
    return projects


def source(projects: ProjectsFolder, body: str) -> None:
    lines = "\n".join(f"            {line}" for line in body.strip().splitlines())
    projects.driver(
        "items_store_driver",
        f"""
    import datetime as dt, decimal, uuid
    import numpy as np, pandas as pd, pyarrow as pa

    class ItemsStoreDriver:
        def pull_data(self, mapping_config, entity):
{lines}
""",
    )


def rows(projects: ProjectsFolder) -> list[tuple[Any, ...]]:
    with contextlib.closing(duckdb.connect(str(projects.root / "lake.duckdb"))) as connection:
        return connection.execute("SELECT * FROM items ORDER BY id").fetchall()


def test_an_arrow_stream_arrives_as_it_was(lake: ProjectsFolder) -> None:
    source(
        lake,
        """
key = pa.field("id", pa.int64(), nullable=False)
schema = pa.schema([key, ("amount", pa.decimal128(38, 9)), ("at", pa.timestamp("us", "UTC"))])
batches = (pa.record_batch([[n], [decimal.Decimal(n)], [n]], schema=schema) for n in range(3))
return pa.RecordBatchReader.from_batches(schema, batches)
""",
    )
    lake.mapping(MAPPING.format(more="", options=""))

    run = lake.materialize()

    assert run.success, run.summary
    metadata = run.metadata["shop/lake_store_driver/items"]
    assert metadata["types"] == "int64, decimal128(38, 9), timestamp[us, tz=UTC]"
    assert metadata["dagster/row_count"] == 3
    columns = metadata["dagster/column_schema"].columns
    assert [(column.type, column.constraints.nullable) for column in columns] == [
        ("int64", False),
        ("decimal128(38, 9)", True),
        ("timestamp[us, tz=UTC]", True),
    ]


def test_pieces_of_several_types_have_one_schema(lake: ProjectsFolder) -> None:
    source(
        lake,
        """
yield pa.table({"id": pa.array([1], pa.int32()), "x": pa.nulls(1)})
yield pd.DataFrame({"id": [2**40], "x": [decimal.Decimal("1.5")]})
yield [{"id": 3, "x": decimal.Decimal("10.25"), "tags": {"a": [1]}}]
""",
    )
    lake.mapping(MAPPING.format(more="", options=""))

    run = lake.materialize()

    assert run.success, run.summary
    assert run.metadata["shop/lake_store_driver/items"]["types"] == "int64, decimal128(4, 2), string"
    assert [row[2] for row in rows(lake)] == [None, '{"a": [1]}', None]


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("csv", b"id,zip,x\n1,01234,0.5\n2,7,\n"),
        ("jsonl", b'{"id": 1, "zip": "01234", "x": 0.5}\n{"id": 2, "zip": "7"}\n'),
    ],
)
def test_text_that_pyarrow_decodes_is_pushed_as_arrow(lake: ProjectsFolder, name: str, raw: bytes) -> None:
    source(lake, f"return {raw!r}")
    lake.mapping(MAPPING.format(more=f"data_format: {{type: {name}, engine: pyarrow}}", options=""))

    run = lake.materialize()

    assert run.success, run.summary
    assert run.metadata["shop/lake_store_driver/items"]["types"] == "int64, string, double"
    assert rows(lake) == [(1, "01234", 0.5), (2, "7", None)]


def test_state_and_deletions(lake: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(lake.home))

    def pull(*ids: int) -> None:
        source(
            lake,
            f"""
ids = {list(ids)}
return pa.table({{"id": pa.array(ids, pa.int32()), "at": pa.array(ids, pa.timestamp("us"))}})
""",
        )

    lake.mapping(MAPPING.format(more="offset: {offset_columns: [at]}", options="delete_type: keys"))
    with lake.instance() as instance:
        pull(1, 2, 3)
        assert lake.materialize(instance=instance).success
        pull(1, 3)

        run = lake.materialize(instance=instance)

    assert run.success, run.summary
    assert [row[0] for row in rows(lake)] == [1, 3]
    metadata = run.metadata["shop/lake_store_driver/items"]
    assert (metadata["deletes"], metadata["deleted"], metadata["snapshot_keys"]) == (1, 1, 2)
    assert metadata["watermarks_after"] == {"at": "1970-01-01 00:00:00.000003"}


def test_types_without_a_common_one_are_refused(lake: ProjectsFolder) -> None:
    source(lake, 'yield pa.table({"id": [1]})\nyield pa.table({"id": ["x"]})')
    lake.mapping(MAPPING.format(more="", options=""))

    run = lake.materialize()

    assert not run.success
    assert (
        "pull_data of 'shop/items_store_driver' for 'items' yielded the column 'id' as int64 at first and as string in "
        "batch 2; no type of Arrow holds both without changing values; let pull_data yield it as one type, such as text"
    ) in run.summary


def test_a_source_that_fails_half_way_is_named_and_nothing_is_committed(lake: ProjectsFolder) -> None:
    source(
        lake,
        """
def batches():
    yield pa.record_batch({"id": [1]})
    raise ValueError("page 2 is missing")
return pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64())]), batches())
""",
    )
    lake.mapping(MAPPING.format(more="", options=""))

    run = lake.materialize()

    assert not run.success
    # pyarrow puts its own error around what a generator inside of a reader raises.
    assert re.search("pull_data of 'shop/items_store_driver' for 'items' raised .*: page 2 is missing", run.summary)
    assert rows(lake) == []


def test_rows_of_pandas_can_be_pushed_again(lake: ProjectsFolder) -> None:
    text = TARGET.replace(
        "pushed = reader.read_all()",
        """pushed = reader.read_all()
                if not __import__("os").path.exists("failed once"):
                    open("failed once", "w").close()
                    raise OSError("busy")""",
    )
    lake.driver("lake_store_driver", text)
    source(lake, 'with open("pulls", "a") as file: file.write("x")\nyield [{"id": 1}]\nyield [{"id": 2}]')
    lake.mapping(MAPPING.format(more="", options="retries: {max_attempts: 2, delay: 0}"))

    run = lake.materialize()

    assert run.success, run.summary
    assert [row[0] for row in rows(lake)] == [1, 2]
    assert (lake.root / "pulls").read_text() == "x"  # kept on disk, so they were not pulled again


def test_the_example_of_the_documentation(lake: ProjectsFolder) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs/drivers.md").read_text(), re.DOTALL)
    lake.driver("lake_store_driver", next(block for block in blocks if "push_arrow" in block))
    source(lake, 'return pa.table({"id": [1, 2], "amount": [decimal.Decimal("1.50"), None]}), [{"id": 2}]')
    lake.mapping(MAPPING.format(more="", options=""))

    run = lake.materialize()

    assert run.success, run.summary
    assert rows(lake) == [(1, decimal.Decimal("1.50"))]

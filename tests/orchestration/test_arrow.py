"""Arrow from the source to a target that takes Arrow, through Dagster."""

from __future__ import annotations

import contextlib
from typing import Any

import duckdb
import pytest

from tests.world.projects_folder import ProjectsFolder

TARGET = """
    import duckdb

    class LakeStoreDriver:
        def push_arrow(self, config, entity, reader, deletes=None):
            with duckdb.connect(config["args"]["path"]) as connection:
                # DuckDB reads variables that hold Arrow by their names.
                connection.execute(f'CREATE TABLE IF NOT EXISTS "{entity}" AS SELECT * FROM reader LIMIT 0')
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

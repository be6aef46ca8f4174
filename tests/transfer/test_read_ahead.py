"""Chunks that are pulled while others are pushed: which thread does what, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from custom_store_pipeline.transfer.read_ahead import push_while_pulling
from tests.world.projects_folder import ProjectsFolder


def test_the_next_chunk_is_pulled_while_the_last_one_is_pushed() -> None:
    pushing = threading.Event()

    def chunks() -> Iterator[int]:
        yield 1
        assert pushing.wait(10)
        yield 2

    def push(chunks: Iterator[int]) -> list[int]:
        first = next(chunks)
        pushing.set()  # one after the other, this would come too late: next() would wait for the event
        return [first, *chunks]

    assert push_while_pulling(chunks(), push)[0] == [1, 2]


def test_only_one_chunk_is_pulled_that_nobody_asked_for() -> None:
    pulled: list[int] = []
    second = threading.Event()

    def chunks() -> Iterator[int]:
        for number in range(10):
            pulled.append(number)
            if number == 1:
                second.set()
            yield number

    def push(chunks: Iterator[int]) -> None:
        for chunk in chunks:
            assert second.wait(10)
            assert chunk <= len(pulled) - 1 <= chunk + 1

    push_while_pulling(chunks(), push)

    assert len(pulled) == 10


@pytest.mark.parametrize("fails", [True, False])
def test_a_push_that_ends_early_ends_the_pull(fails: bool) -> None:
    pulled: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            pulled.append(1)
            yield 1

    def push(chunks: Iterator[int]) -> str:
        next(chunks)
        if fails:
            raise ValueError("no room")
        return "enough"

    if fails:
        with pytest.raises(ValueError, match="no room"):
            push_while_pulling(endless(), push)
    else:
        assert push_while_pulling(endless(), push)[0] == "enough"
    assert len(pulled) <= 2


def test_what_the_pull_raises_is_raised_where_the_push_asks() -> None:
    def chunks() -> Iterator[int]:
        yield 1
        raise ConnectionError("lost")

    def push(chunks: Iterator[int]) -> str:
        assert next(chunks) == 1
        with pytest.raises(ConnectionError, match="lost"):
            next(chunks)
        return "told"

    assert push_while_pulling(chunks(), push)[0] == "told"


def test_waiting_for_chunks_is_distinguished() -> None:
    asked = threading.Event()

    def chunks() -> Iterator[int]:
        asked.wait(0.2)
        yield 1

    assert push_while_pulling(chunks(), list)[1] >= 0.1


def test_each_driver_stays_in_one_thread(projects: ProjectsFolder) -> None:
    """sqlite3 refuses a connection in another thread than the one that it was made in."""
    projects.driver(
        "numbers_store_driver",
        """
    import sqlite3

    class NumbersStoreDriver:
        def pull_data(self, mapping_config, entity):
            self.connection = sqlite3.connect(":memory:")
            for number in range(3):
                rows = self.connection.execute("SELECT ?", [number]).fetchall()
                yield [{"id": row[0]} for row in rows]

        def close(self):
            self.connection.execute("SELECT 1")
            self.connection.close()
    """,
    )
    projects.driver(
        "kept_store_driver",
        """
    import sqlite3

    class KeptStoreDriver:
        def push_data(self, config, entity, df, deletes_df=None):
            return True

        def push_chunks(self, config, entity, chunks, deletes_df=None):
            self.connection = sqlite3.connect("kept.db")
            for chunk in chunks:
                chunk.to_sql(entity, self.connection, if_exists="append", index=False)
            return {"rows": self.connection.execute("SELECT count(*) FROM items").fetchone()[0]}

        def close(self):
            self.connection.commit()
            self.connection.close()
    """,
    )
    projects.mapping(
        """
    mappings:
      - mapping:
          from:
            store: {file_name: numbers_store_driver}
            entity: {include: [items]}
          to: {file_name: kept_store_driver}
          concurrency: 2
    """
    )

    run = projects.materialize()

    assert run.success, run.summary
    assert run.metadata["shop/kept_store_driver/items"]["rows"] == 3

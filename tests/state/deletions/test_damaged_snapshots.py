"""Key snapshots that cannot be read: an error that says how to go on, or none where they do not matter."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from custom_store_pipeline.errors import StateStorageError
from tests.state.test_recording import Target, keys_compared, rows

CONFIG = keys_compared()


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(2000))


def foreign(path: Path) -> None:
    path.unlink()
    pd.DataFrame({"k0": [1, 2]}).to_parquet(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def damaged_inside(path: Path) -> None:
    """The end of the file, where Parquet says what is in it, is as it was."""
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)


DAMAGES = pytest.mark.parametrize("damage", [empty, truncated, garbage, foreign, folder, damaged_inside])
Damage = Callable[[Path], None]


def snapshot(target: Target, tmp_path: Path) -> Path:
    assert target.folder is not None
    return tmp_path / "shop/b/items" / target.folder.names()[-1]


@DAMAGES
def test_a_damaged_snapshot_of_what_was_pushed_is_an_error_with_the_remedy(
    target: Target, tmp_path: Path, damage: Damage
) -> None:
    target.run(rows(*range(500)), CONFIG)
    damage(path := snapshot(target, tmp_path))

    with pytest.raises(StateStorageError) as raised:
        target.run(rows(*range(400)), CONFIG)

    assert str(raised.value).startswith(f"the key snapshot {path} is damaged (")
    assert str(raised.value).endswith(
        "so what was deleted since is not known; restore the file, or reset the state (the next run loads "
        "everything and deletes nothing): custom-store state reset shop/b/items"
    )
    assert len(target.rows) == 500


@DAMAGES
def test_a_damaged_snapshot_of_a_run_that_never_pushed_is_skipped(
    target: Target, tmp_path: Path, damage: Damage
) -> None:
    target.run(rows(*range(500)), CONFIG)
    with pytest.raises(ConnectionError):
        target.run(rows(*range(600)), CONFIG, remember=False)
    damage(path := snapshot(target, tmp_path))
    target.rows = {key: target.rows[key] for key in range(500)}

    target.run(rows(*range(400)), CONFIG)

    assert set(target.rows) == set(range(400))
    (note,) = target.notes
    assert note.startswith(f"the key snapshot {path} is damaged (")
    assert note.endswith("it is skipped, because the run that wrote it never finished its push")
    for _ in range(4):
        target.run(rows(*range(400)), CONFIG)
    assert not path.exists()
    assert len(target.notes) == 1


@DAMAGES
def test_a_damaged_snapshot_of_a_run_that_pushed_beside_is_an_error(
    target: Target, tmp_path: Path, damage: Damage
) -> None:
    target.run(rows(*range(500)), CONFIG)
    before = target.state
    target.run(rows(*range(501)), CONFIG)
    target.state = before  # as if it had been remembered before the first one was
    damage(snapshot(target, tmp_path))

    with pytest.raises(StateStorageError, match="custom-store state reset shop/b/items"):
        target.run(rows(*range(400)), CONFIG)


def test_a_snapshot_is_on_the_disk_before_it_has_its_name(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, rename = os.fsync, os.rename

    def synced(descriptor: int) -> None:
        order.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).suffix}")
        fsync(descriptor)

    def renamed(source: str, destination: str) -> None:
        order.append(f"rename {Path(destination).suffix}")
        rename(source, destination)

    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr("os.rename", renamed)
    target.run(rows(1), CONFIG)

    assert order[-3:] == ["sync .part", "rename .parquet", "sync "]

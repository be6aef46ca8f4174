"""Which files definitions are made of, and whether they are still the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from custom_store_pipeline.projects.files import differences, scan
from tests.world.projects_folder import ProjectsFolder


def long_ago(projects: ProjectsFolder) -> None:
    """Makes all files as old as files usually are, as far as a test can: the time of their last change is now."""
    for path in projects.path.rglob("*.*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


def changes(shop: ProjectsFolder, change: Path) -> list[str]:
    before = scan(shop.path)
    change.write_text(change.read_text() + "\n" if change.exists() else "x = 1")
    return differences(before, scan(shop.path))


def test_nothing_changed(shop: ProjectsFolder) -> None:
    before = scan(shop.path)

    assert differences(before, scan(shop.path)) == []
    assert len(before) == 3


@pytest.mark.parametrize(
    ("path", "how"),
    [
        ("shop/mappings/items.yaml", "changed"),
        ("shop/mappings/more.yml", "added"),
        ("shop/custom_store_driver/items_store_driver.py", "changed"),
        ("shop/custom_store_driver/helpers.py", "added"),
        ("shop/custom_store_driver/api/client.py", "added"),
    ],
)
def test_mappings_drivers_and_helper_modules_are_seen(shop: ProjectsFolder, path: str, how: str) -> None:
    (shop.path / path).parent.mkdir(exist_ok=True)

    assert changes(shop, shop.path / path) == [f"projects/{path} {how}"]


@pytest.mark.parametrize(
    "path",
    ["shop/mappings/notes.txt", "shop/mappings/.items.yaml.swp", "shop/custom_store_driver/data.csv", "shop/readme.md"],
)
def test_other_files_are_not(shop: ProjectsFolder, path: str) -> None:
    assert changes(shop, shop.path / path) == []


def test_a_file_that_is_gone_is_seen(shop: ProjectsFolder) -> None:
    before = scan(shop.path)
    (shop.path / "shop/mappings/items.yaml").unlink()

    assert differences(before, scan(shop.path)) == ["projects/shop/mappings/items.yaml removed"]


def test_touching_a_file_changes_nothing(shop: ProjectsFolder) -> None:
    before = scan(shop.path)
    (shop.path / "shop/mappings/items.yaml").touch()

    assert differences(before, scan(shop.path)) == []


def test_content_decides_where_time_and_size_are_the_same(shop: ProjectsFolder) -> None:
    path = shop.path / "shop/mappings/items.yaml"
    long_ago(shop)
    before = scan(shop.path)
    path.write_text(path.read_text().replace("items]", "itemz]"))
    long_ago(shop)

    assert differences(before, scan(shop.path)) == ["projects/shop/mappings/items.yaml changed"]


def test_a_file_that_cannot_be_read_differs_from_one_that_can(
    shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = scan(shop.path)

    def refuse(path: Path) -> bytes:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root, as whom CI runs, may read every file
    after = scan(shop.path)

    assert len(differences(before, after)) == 3

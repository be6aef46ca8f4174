"""What a process keeps, and when it lets go of it."""

from __future__ import annotations

import pytest

from custom_store_pipeline.definitions import cached_definitions
from custom_store_pipeline.engines.process_cache import cached_in_process, clear_caches
from tests.world.projects_folder import ProjectsFolder, mapping


@pytest.fixture
def folder(shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(shop.path))
    return shop


def test_a_function_is_called_once_until_it_is_let_go() -> None:
    calls: list[str] = []

    @cached_in_process
    def greeting(name: str) -> str:
        calls.append(name)
        return f"hello {name}"

    assert [greeting("a"), greeting("a"), greeting("b")] == ["hello a", "hello a", "hello b"]
    assert calls == ["a", "b"]
    clear_caches()
    greeting("a")
    assert calls == ["a", "b", "a"]


def test_definitions_stay_as_they_were_whatever_becomes_of_the_files(folder: ProjectsFolder) -> None:
    before = cached_definitions()
    folder.mapping(mapping("[other]"))
    assert cached_definitions() is before

    clear_caches()
    assert cached_definitions() is not before


def test_a_worker_builds_them_again_only_if_a_file_has_changed(folder: ProjectsFolder) -> None:
    before = cached_definitions()
    path = folder.path / "shop/mappings/items.yaml"
    path.write_text(path.read_text())

    clear_caches()
    assert cached_definitions() is before

"""The event log in SQLite stays open while a step writes to it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from custom_store_pipeline.orchestration import step
from custom_store_pipeline.orchestration.open_event_log import kept_open
from tests.world.projects_folder import ProjectsFolder, mapping


def logs_that_wait(home: Path) -> list[str]:
    """SQLite's write-ahead logs; it removes them when nobody has their file open."""
    return sorted(path.name for path in (home / "history").rglob("*.db-wal"))


def test_dagster_finds_its_write_ahead_logs_again(tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        run = instance.create_run_for_job(dg.job(name="nothing")(lambda: None))
        instance.report_engine_event("one", run)
        assert logs_that_wait(tmp_path) == []

        with kept_open(instance, run.run_id):
            instance.report_engine_event("two", run)
            instance.report_runless_asset_event(dg.AssetMaterialization("a"))
            assert logs_that_wait(tmp_path) == [f"{run.run_id}.db-wal", "index.db-wal"]

        assert logs_that_wait(tmp_path) == []
        assert [event.message for event in instance.all_logs(run.run_id)][-2:] == ["one", "two"]


def test_other_storages_have_nothing_to_keep_open() -> None:
    with dg.DagsterInstance.ephemeral() as instance, kept_open(instance, "run"):
        pass


def test_a_file_that_cannot_be_opened_is_dagsters_business(tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance, kept_open(instance, "no such run"):
        assert not list(tmp_path.rglob("no such run*"))


def test_a_step_keeps_it_open(shop: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    monkeypatch.setattr(step, "kept_open", lambda instance, run_id: kept.append(run_id) or kept_open(instance, run_id))
    shop.mapping(mapping("[a, b, c]"))

    assert shop.materialize().success

    assert len(kept) == 1

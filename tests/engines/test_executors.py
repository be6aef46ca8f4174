"""Which engine runs the steps, and what is said when it cannot be."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import dagster as dg
import pytest

from custom_store_pipeline.engines.executors import ENGINES, executor_from_settings
from custom_store_pipeline.errors import ConfigurationError
from custom_store_pipeline.settings import EXECUTORS


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def chosen(monkeypatch: pytest.MonkeyPatch, name: str, config: str | None = None) -> dg.ExecutorDefinition:
    monkeypatch.setenv("CUSTOM_STORE_EXECUTOR", name)
    if config is not None:
        Path("executor.yaml").write_text(config)
        monkeypatch.setenv("CUSTOM_STORE_EXECUTOR_CONFIG", "executor.yaml")
    return executor_from_settings()


def test_every_engine_is_a_setting() -> None:
    assert tuple(ENGINES) == EXECUTORS


@pytest.mark.parametrize(
    ("name", "dagster_name"),
    [
        ("in_process", "in_process"),
        ("multiprocess", "multiprocess"),
        ("dask", "dask"),
        ("celery", "celery"),
        ("k8s", "k8s"),
    ],
)
def test_each_has_its_name(monkeypatch: pytest.MonkeyPatch, name: str, dagster_name: str) -> None:
    assert chosen(monkeypatch, name).name == dagster_name


def test_a_missing_extra_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ConfigurationError) as raised:
        chosen(monkeypatch, "dask")

    assert str(raised.value) == (
        "environment: CUSTOM_STORE_EXECUTOR: 'dask' needs an extra; "
        f"install it with: {sys.executable} -m pip install 'custom-store-pipeline[dask]'"
    )


@pytest.mark.parametrize("cluster", ["existing: {address: 'tcp://scheduler:8786'}", "ssh: {hosts: [a, b]}"])
def test_dask_has_the_clusters_of_dagster_dask(monkeypatch: pytest.MonkeyPatch, cluster: str) -> None:
    assert chosen(monkeypatch, "dask", f"cluster: {{{cluster}}}")


@pytest.mark.parametrize("config", ["max_concurrent: 3", "execution: {config: {max_concurrent: 3}}"])
def test_the_config_is_dagsters_own_nested_or_not(monkeypatch: pytest.MonkeyPatch, config: str) -> None:
    executor = chosen(monkeypatch, "multiprocess", config)

    resolved = executor.apply_config_mapping({"config": {}}).value["config"]
    assert resolved["max_concurrent"] == 3
    assert "forkserver" in resolved["start_method"]


def test_the_users_way_to_start_processes_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = chosen(monkeypatch, "multiprocess", "start_method: {spawn: {}}")

    assert executor.apply_config_mapping({"config": {}}).value["config"]["start_method"] == {"spawn": {}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            "max_concurrent: x",
            'executor.yaml:1:17: max_concurrent: Invalid scalar at path root:max_concurrent. Value "x" of type '
            '"<class \'str\'>" is not valid for expected type "Int".',
        ),
        ("- 1", "executor.yaml:1:1: the top level is a list; it must be a mapping: the executor's config"),
    ],
)
def test_a_config_that_dagster_refuses_says_where(monkeypatch: pytest.MonkeyPatch, config: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        chosen(monkeypatch, "multiprocess", config)

    assert str(raised.value) == message


def test_a_config_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_STORE_EXECUTOR_CONFIG", "none.yaml")

    with pytest.raises(ConfigurationError, match="CUSTOM_STORE_EXECUTOR_CONFIG: 'none.yaml' is not a file"):
        executor_from_settings()

"""What a driver finds in its config."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from custom_store_pipeline.config.entity import Partition, Side
from custom_store_pipeline.config.loading import load_mapping_files
from custom_store_pipeline.config.mapping import LoadedMapping
from custom_store_pipeline.drivers.call_config import RunValues, driver_config, redactor_of
from custom_store_pipeline.errors import MissingVariableError
from tests.world.projects_folder import ProjectsFolder

MAPPING = """
mappings:
  - mapping:
      from:
        store: {type: custom, file_name: a_store_driver, url: "http://ann:pa%40ss@host/", args: {token: "${TOKEN}"}}
        data_format: {type: csv, sep: ";"}
        entity: {include: [posts], primary_keys: [id]}
      to: {file_name: b_store_driver, timeout: 5, args: {password: "${PASSWORD}"}}
      write_mode: upsert
      timeout: 600
"""


@pytest.fixture
def mapping(projects: ProjectsFolder) -> LoadedMapping:
    projects.mapping(MAPPING)
    (file,) = load_mapping_files(projects.path)
    return file.mappings[0]


def config_of(mapping: LoadedMapping, side: Side, **run: Any) -> dict[str, Any]:
    return driver_config(mapping, side, mapping.entities[0], RunValues("run-1", "key-1", **run))


def test_a_config_holds_the_mapping_and_the_stores_keys_at_its_top(
    mapping: LoadedMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")

    config = config_of(mapping, "from")

    assert config["args"] == config["from"]["store"]["args"] == {"token": "s3cret"}
    assert config["url"] == "http://ann:pa%40ss@host/"
    assert config["file_name"] == "a_store_driver"
    assert config["data_format"] == {"type": "csv", "sep": ";"}
    assert config["write_mode"] == "upsert"
    assert config["delete_mode"] == "hard_delete"
    assert config["primary_keys"] == ["id"]
    assert config["run_id"] == "run-1"
    assert config["offset"] == {"columns": [], "joining_condition": "AND", "values": {}}
    assert config["partition"] is None
    assert config["state"] is None
    assert config["idempotency_key"] == "key-1"
    assert config["timeout"] == 600


def test_a_config_holds_the_state(mapping: LoadedMapping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    state = {"page": [1]}

    config = config_of(mapping, "from", watermarks={"id": 7}, state=state)
    config["state"]["page"].append(2)

    assert config["offset"]["values"] == {"id": 7}
    assert state == {"page": [1]}


def test_a_config_holds_the_partition(mapping: LoadedMapping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
    entity = replace(mapping.entities[0], partition=Partition("2024-01-01", start, end))

    config = driver_config(mapping, "from", entity, RunValues("run-1", "key-1"))

    assert config["partition"] == {"key": "2024-01-01", "start": start, "end": end}


def test_a_driver_gets_no_secret_of_the_other_store(mapping: LoadedMapping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")

    config = config_of(mapping, "from")

    assert config["to"]["store"]["args"] == {"password": "${PASSWORD}"}


def test_a_stores_own_key_comes_before_the_mappings(mapping: LoadedMapping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "s3cret")

    assert config_of(mapping, "to")["timeout"] == 5


def test_what_a_driver_does_to_its_config_reaches_no_other_call(
    mapping: LoadedMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    first = config_of(mapping, "from")
    first["args"]["token"] = first["from"]["store"]["args"]["token"] = first["to"]["store"]["args"] = "changed"
    first["primary_keys"].append("changed")

    second = config_of(mapping, "from")

    assert "changed" not in str(second)
    assert first["args"] is not first["from"]["store"]["args"]


def test_a_missing_variable_is_named_with_its_place_in_the_yaml(
    mapping: LoadedMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOKEN", raising=False)

    with pytest.raises(MissingVariableError) as raised:
        config_of(mapping, "from")

    assert str(raised.value) == (
        "projects/shop/mappings/items.yaml:5:105: from.store.args.token: the environment variable TOKEN is not set; "
        "set it, or give it a default: ${TOKEN:-…}"
    )


def test_the_redactor_knows_the_secrets_of_both_stores(mapping: LoadedMapping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    monkeypatch.setenv("PASSWORD", "hunter22")

    assert redactor_of(mapping).text("s3cret hunter22 pa%40ss pa@ss shown") == "*** *** *** *** shown"

"""Mapping files that are right: what becomes of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from custom_store_pipeline.config.loading import load_mapping_files
from custom_store_pipeline.config.mapping import LoadedMapping
from tests.world.projects_folder import ProjectsFolder

MINIMAL = """
mappings:
  - mapping:
      from: {store: {file_name: a_store_driver}}
      to: {file_name: b_store_driver}
"""


def load(projects: ProjectsFolder) -> list[LoadedMapping]:
    files = load_mapping_files(projects.path)
    assert [problem for file in files for problem in file.problems] == []
    return [mapping for file in files for mapping in file.mappings]


def load_one(projects: ProjectsFolder, text: str, name: str = "items") -> LoadedMapping:
    projects.mapping(text, name=name)
    (mapping,) = load(projects)
    return mapping


def test_a_mapping_without_entity_has_one_named_like_the_mapping(projects: ProjectsFolder) -> None:
    mapping = load_one(projects, MINIMAL)

    (entity,) = mapping.entities
    assert mapping.name == "items"
    assert entity.name == entity.target_name == "items"
    assert entity.source_key == ("shop", "a_store_driver", "items")
    assert entity.target_key == ("shop", "b_store_driver", "items")


def test_both_forms_of_to_are_the_same(projects: ProjectsFolder) -> None:
    short = "to: {file_name: b_store_driver, args: {x: 1}, own: 2, entity: {name: '{entity}_raw'}}"
    long = "to: {store: {file_name: b_store_driver, args: {x: 1}, own: 2}, entity: {name: '{entity}_raw'}}"
    projects.mapping(MINIMAL.replace("to: {file_name: b_store_driver}", short), name="a")
    projects.mapping(MINIMAL.replace("to: {file_name: b_store_driver}", long), name="b")

    first, second = load(projects)

    assert first.document["to"] == second.document["to"]
    assert first.config.to == second.config.to
    assert first.entities[0].target_name == "a_raw"


def test_further_mappings_of_a_file_are_numbered(projects: ProjectsFolder) -> None:
    item = MINIMAL.removeprefix("\nmappings:\n")
    projects.mapping(MINIMAL + item.replace("to: {", "to: {name: x, ") + item.replace("to: {", "to: {name: y, "))

    assert [mapping.name for mapping in load(projects)] == ["items", "items_2", "items_3"]


def test_defaults_are_merged_below_every_mapping(projects: ProjectsFolder) -> None:
    mapping = load_one(
        projects,
        """
        defaults:
          concurrency: 8
          retries: {max_attempts: 5, delay: 2}
          from: {store: {args: {url: x, page: 1}}}
          to: {file_name: b_store_driver, args: {path: p}}
        mappings:
          - mapping:
              from: {store: {file_name: a_store_driver, args: {page: 2}}}
              to: {entity: {name: "raw_{entity}"}}
              retries: {delay: 0}
        """,
    )

    assert mapping.config.concurrency == 8
    assert (mapping.config.retries.max_attempts, mapping.config.retries.delay) == (5, 0)
    assert mapping.config.from_.store.args == {"url": "x", "page": 2}
    assert mapping.config.to.store.args == {"path": "p"}
    assert mapping.entities[0].target_name == "raw_items"


@pytest.mark.parametrize("placeholder", ["{${entity}$}", "{entity}"])
def test_the_target_name_follows_the_template(projects: ProjectsFolder, placeholder: str) -> None:
    text = MINIMAL.replace("b_store_driver}", f"b_store_driver, entity: {{name: 'raw_{placeholder}_v1'}}}}")

    assert load_one(projects, text).entities[0].target_name == "raw_items_v1"


def test_primary_keys_for_all_or_for_each(projects: ProjectsFolder) -> None:
    entity = "entity: {{include: [a, b, c], exclude: [c], primary_keys: {keys}}}"
    for_all = MINIMAL.replace("a_store_driver}}", f"a_store_driver}}, {entity.format(keys='[id, day]')}}}")
    for_each = MINIMAL.replace("a_store_driver}}", f"a_store_driver}}, {entity.format(keys='{a: id, b: [x, y]}')}}}")

    assert [found.primary_keys for found in load_one(projects, for_all).entities] == [("id", "day")] * 2
    assert [found.primary_keys for found in load_one(projects, for_each).entities] == [("id",), ("x", "y")]


def test_a_store_is_named_by_name_or_else_by_its_file(projects: ProjectsFolder) -> None:
    text = MINIMAL.replace("a_store_driver", "a_store_driver.py, name: lake, project_name: other")

    (entity,) = load_one(projects, text).entities

    assert entity.source_key == ("other", "lake", "items")


def test_the_designs_example_of_every_key_is_understood(projects: ProjectsFolder) -> None:
    projects.mapping((Path(__file__).parent / "every_key.yaml").read_text(), project="blog", name="every_key")

    (file,) = load_mapping_files(projects.path)

    assert file.problems == ()
    assert len(file.mappings) == 1


def test_yml_files_count_too_and_hidden_projects_do_not(projects: ProjectsFolder) -> None:
    path = projects.mapping(MINIMAL, name="a")
    path.rename(path.with_suffix(".yml"))
    shutil.copytree(projects.path / "shop", projects.path / ".git")

    assert [mapping.name for mapping in load(projects)] == ["a"]


def test_files_in_the_wrong_place_are_not_overlooked(projects: ProjectsFolder) -> None:
    nested = projects.path / "shop" / "mappings" / "more" / "a.yaml"
    nested.parent.mkdir(parents=True)
    nested.write_text(MINIMAL)
    projects.mapping(MINIMAL, project="my-shop")

    problems = [problem for file in load_mapping_files(projects.path) for problem in file.problems]

    assert [str(problem) for problem in problems] == [
        "projects/my-shop/mappings/items.yaml: the project folder 'my-shop' is not a plain name; "
        "rename it to letters, digits and _ only",
        "projects/shop/mappings/more/a.yaml: mapping files must be directly in 'mappings/', not in a folder below it; "
        "move the file up",
    ]


def test_a_key_without_effect_is_warned_of(projects: ProjectsFolder) -> None:
    projects.mapping(
        """
        defaults: {timezone: Europe/Berlin, max_delete_fraction: 0.1}
        mappings:
          - mapping:
              from: {store: {file_name: a_store_driver}, offset: {joining_condition: OR}}
              to: {file_name: b_store_driver}
              timezone: Europe/Paris
              delete_log_columns: [{column: deleted, value: 1}]
              max_delete_fraction: 0.5
        """
    )

    (file,) = load_mapping_files(projects.path)

    assert file.problems == ()
    assert [str(warning).partition(":")[2] for warning in sorted(file.mappings[0].warnings)] == [
        "5:59: from.offset.joining_condition: there are no offset_columns to join; write offset_columns, or remove it",
        "7:7: timezone: only 'schedule' and 'partitions' use the time zone; write one of these, or remove it",
        "8:7: delete_log_columns: delete_mode is hard_delete, which marks no rows; write delete_mode: soft_delete, or "
        "remove it",
        "9:7: max_delete_fraction: only deletions that are found by comparing keys are limited; write delete_type: "
        "keys, or remove it",
    ]


def test_a_key_without_effect_may_stand_in_the_defaults(projects: ProjectsFolder) -> None:
    projects.mapping(
        """
        defaults: {timezone: Europe/Berlin, max_delete_fraction: 0.1}
        mappings:
          - mapping: {from: {store: {file_name: a_store_driver}}, to: {file_name: b_store_driver}}
        """
    )

    (file,) = load_mapping_files(projects.path)

    assert (file.problems, file.mappings[0].warnings) == ((), ())


def test_the_case_of_a_files_ending_does_not_matter(projects: ProjectsFolder) -> None:
    path = projects.mapping("mappings: [{mapping: {from: {store: {file_name: a}}, to: {file_name: b}}}]")
    path.rename(path.with_name("UP.YAML"))

    assert [file.path.name for file in load_mapping_files(projects.path)] == ["UP.YAML"]


def test_a_file_whose_name_nobody_can_read_needs_a_name_for_its_mapping(projects: ProjectsFolder) -> None:
    projects.mapping("mappings: [{mapping: {from: {store: {file_name: a}}, to: {file_name: b}}}]", name="a\u202eb")

    (file,) = load_mapping_files(projects.path)

    assert "contains the invisible character U+202E; remove it; rename the file, or write 'mapping_name'" in str(
        file.problems[0]
    )


@pytest.mark.parametrize("option", ["header", "sep", "compression", "sheet_name"])
def test_a_null_option_of_a_reader_is_kept(projects: ProjectsFolder, option: str) -> None:
    written = f"from: {{data_format: {{type: csv, exact: null, {option}: null}}, store:"

    mapping = load_one(projects, MINIMAL.replace("from: {store:", written))

    assert dict(mapping.config.from_.data_format.options) == {option: None}


def test_a_null_type_of_data_format_is_as_if_not_written(projects: ProjectsFolder) -> None:
    mapping = load_one(projects, MINIMAL.replace("from: {store:", "from: {data_format: {type: null}, store:"))

    assert mapping.config.from_.data_format.type == "dataframe"

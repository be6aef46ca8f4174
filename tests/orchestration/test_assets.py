"""Entities through Dagster: what is materialized, what fails, and what is shown."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import textwrap
import time

import dagster as dg
import pytest

from tests.world.projects_folder import SOURCE, ProjectsFolder, mapping


def table(projects: ProjectsFolder, name: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(projects.root / "target.db")) as connection:
        quoted = name.replace('"', '""')
        return connection.execute(f'SELECT * FROM "{quoted}"').fetchall()


def test_an_entity_arrives_and_its_materialization_says_how(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping())

    run = projects.materialize()

    assert run.success
    assert table(projects, "items") == [(1, "items"), (2, "ü")]
    metadata = run.metadata["shop/sqlite_store_driver/items"]
    assert metadata["dagster/row_count"] == 2
    assert metadata["dagster/table_name"] == "items"
    assert metadata["dagster/column_schema"] == dg.TableSchema(
        columns=[dg.TableColumn("id", "int64"), dg.TableColumn("name", "str")]
    )
    assert metadata["deletes"] == 0
    assert metadata["chunks"] == 1
    assert metadata["location"] == "target.db, table items"
    assert {"pull_seconds", "push_seconds", "pull_rows_per_second", "push_rows_per_second"} <= set(metadata)


def test_entities_may_be_named_anything(projects: ProjectsFolder) -> None:
    names = [
        "input",
        "class",
        "config",
        "a.b",
        "a_b",
        "a b",
        "Größe",
        'qu"ote',
        "apo'strophe",
        "slash/y",
        "ünï.cödé 💥",
        "0",
    ]
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(include=json.dumps(names, ensure_ascii=False)))

    run = projects.materialize()

    assert run.success, run.summary
    assert run.materialized == set(names)
    assert all(table(projects, name)[0] == (1, name) for name in names)


def test_a_selection_moves_only_what_is_selected(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(include="[a, b, c]"))

    run = projects.materialize("shop/sqlite_store_driver/b")

    assert run.materialized == {"b"}


def test_entities_are_spread_over_steps(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(include="[a, b, c, d, e]", more="entities_per_step: 2"))

    run = projects.materialize()

    assert run.materialized == {"a", "b", "c", "d", "e"}
    steps = {event.step_key for event in run.events if event.is_step_start}
    assert steps == {"shop__items__1", "shop__items__2", "shop__items__3"}


FIVE_WAYS_TO_FAIL = """
    import time

    class ItemsStoreDriver:
        def pull_data(self, mapping_config, entity):
            if entity == "pull_raises":
                raise ValueError("the source is broken")
            if entity == "pull_returns_none":
                return None
            if entity == "hangs":
                time.sleep(600)
            return [{"id": 1}]

        def push_data(self, config, entity, df, deletes_df=None):
            if entity == "push_raises":
                raise OSError("the target is broken")
            if entity == "push_returns_false":
                return False
            return True
"""

FIVE_OF_NINE = """
    mappings:
      - mapping:
          from:
            store: {file_name: items_store_driver, name: source}
            entity:
              include: [a, pull_raises, b, push_raises, c, push_returns_false, d, pull_returns_none, hangs]
          to: {file_name: items_store_driver, name: target}
          timeout: 10
          concurrency: 4
"""


def test_one_failing_entity_stops_no_other(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", FIVE_WAYS_TO_FAIL)
    projects.mapping(FIVE_OF_NINE)

    begun = time.monotonic()
    done = projects.materialize_by_cli()
    seconds = time.monotonic() - begun

    assert done.returncode == 1
    assert "Error: Materialization failed." in done.stderr
    lines = done.stderr.strip().splitlines()
    # How many lines of its own Dagster adds after the last error differs from version to version.
    first = max(n for n, line in enumerate(lines) if "5 of 9 entities failed; the others are materialized." in line)
    last_lines = lines[first : first + 6]
    who = "of 'shop/items_store_driver' for"
    expected = {
        "pull_raises": f"pull_data {who} 'pull_raises' raised ValueError: the source is broken (items_store_driver.py:",
        "push_raises": f"push_data {who} 'push_raises' raised OSError: the target is broken (items_store_driver.py:16)",
        "push_returns_false": f"push_data {who} 'push_returns_false' returned False: the driver says that the",
        "pull_returns_none": f"pull_data {who} 'pull_returns_none' returned None; accepted are a pandas DataFrame",
        "hangs": "timed out after 10 s while pulling (0 rows pulled); raise the mapping's timeout",
    }
    for name, reason in expected.items():
        assert any(f"  {name}: {reason}" in line for line in last_lines), (name, last_lines)
    # Ten seconds of timeout (the first import of pandas counts, too), a few of Dagster's own; the thread that hangs for
    # ten minutes is left behind.
    assert seconds < 60

    with projects.instance() as instance:
        for name in "abcd":
            assert instance.get_latest_materialization_event(dg.AssetKey(["shop", "target", name]))
        for name in expected:
            assert not instance.get_latest_materialization_event(dg.AssetKey(["shop", "target", name]))


def test_the_graph_follows_from_the_yaml(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(include="[a, b]"), name="first")
    projects.mapping(
        """
        mappings:
          - mapping:
              from:
                store: {file_name: sqlite_store_driver, args: {path: target.db}}
                entity: {include: [a]}
              to: {file_name: sqlite_store_driver, name: copy, args: {path: copy.db}, entity: {name: "raw_{entity}"}}
        """,
        name="second",
    )

    graph = projects.definitions().resolve_asset_graph()

    copied = dg.AssetKey(["shop", "copy", "raw_a"])
    assert graph.get(copied).parent_keys == {dg.AssetKey(["shop", "sqlite_store_driver", "a"])}
    assert graph.external_asset_keys == {dg.AssetKey(["shop", "items_store_driver", name]) for name in "ab"}
    assert graph.get(copied).group_name == "shop"

    run = projects.materialize()
    assert run.success, run.summary
    with contextlib.closing(sqlite3.connect(projects.root / "copy.db")) as connection:
        assert connection.execute("SELECT count(*) FROM raw_a").fetchone() == (2,)


def test_two_mappings_that_read_from_each_other_need_not_be_a_circle(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    to_and_fro = """
        mappings:
          - mapping:
              from: {store: {file_name: sqlite_store_driver, name: x, args: {path: x.db}}, entity: {include: [a, b]}}
              to: {file_name: sqlite_store_driver, name: y, args: {path: y.db}}
          - mapping:
              from: {store: {file_name: sqlite_store_driver, name: y, args: {path: y.db}}, entity: {include: [a]}}
              to: {file_name: sqlite_store_driver, name: x, args: {path: x.db}, entity: {name: b}}
    """
    projects.mapping(to_and_fro)
    with contextlib.closing(sqlite3.connect(projects.root / "x.db")) as connection:
        connection.execute("CREATE TABLE a AS SELECT 7 AS id")

    run = projects.materialize()

    assert run.success, run.summary
    with contextlib.closing(sqlite3.connect(projects.root / "y.db")) as connection:
        assert connection.execute("SELECT id FROM b").fetchall() == [(7,)]


def test_what_the_yaml_says_about_an_asset_shows(projects: ProjectsFolder) -> None:
    driver = projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    more = "{description: All items, owners: [team:shop, ann@example.org], tags: {tier: gold}, pool: shop_db}"
    path = projects.mapping(mapping(more=f"<<: {more}"))

    definitions = projects.definitions()
    spec = definitions.resolve_asset_graph().get(dg.AssetKey(["shop", "sqlite_store_driver", "items"]))

    assert spec.description == "All items"
    assert spec.owners == ["team:shop", "ann@example.org"]
    assert spec.tags["tier"] == "gold"
    assert spec.kinds == {"sqlite"}
    assert spec.pools == {"shop_db"}
    references = spec.metadata["dagster/code_references"].code_references
    assert [(reference.file_path, reference.label) for reference in references] == [
        (str(path), "mapping"),
        (str(driver), "source driver"),
        (str(driver.parent / "sqlite_store_driver.py"), "target driver"),
    ]
    assert references[0].line_number == 3


def test_a_driver_of_both_sides_is_linked_once(projects: ProjectsFolder) -> None:
    pushes = "    def push_data(self, config, entity, df, deletes_df=None): ..."
    driver = projects.driver("both_driver", SOURCE + pushes)
    path = projects.mapping(
        """
        mappings:
          - mapping:
              from: {store: {file_name: both_driver, name: here}, entity: {include: [items]}}
              to: {file_name: both_driver, name: there}
        """
    )

    spec = projects.definitions().resolve_asset_graph().get(dg.AssetKey(["shop", "there", "items"]))

    references = spec.metadata["dagster/code_references"].code_references
    assert [(reference.file_path, reference.label) for reference in references] == [
        (str(path), "mapping"),
        (str(driver), "source and target driver"),
    ]


def test_a_schedule_is_on_from_the_start(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(more="<<: {schedule: '0 6 * * *', timezone: Europe/Berlin}"))

    schedule = projects.definitions().resolve_schedule_def("shop__items__schedule")

    assert schedule.cron_schedule == "0 6 * * *"
    assert schedule.execution_timezone == "Europe/Berlin"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_broken_things_leave_all_others_runnable(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.driver(
        "import_store_driver", "import no_such_module\n" + textwrap.dedent(SOURCE).replace("Items", "Import")
    )
    projects.driver("classless_store_driver", "class SomethingElse: pass")
    projects.sqlite()
    projects.mapping(mapping(include="[good]"), name="good")
    projects.mapping("mappings: [{mapping: {form: 1}}]", name="broken")
    projects.mapping("mappings: [", name="not_yaml")
    for name in ("import", "classless"):
        projects.mapping(mapping(include=f"[{name}]").replace("items_store_driver", f"{name}_store_driver"), name=name)

    run = projects.materialize()

    assert run.materialized == {"good"}
    assert "custom_store_driver/import_store_driver.py cannot be imported: ModuleNotFoundError" in run.summary
    assert (
        "no class 'ClasslessStoreDriver' in projects/shop/custom_store_driver/classless_store_driver.py" in run.summary
    )
    placeholder = projects.definitions().resolve_asset_graph().get(dg.AssetKey(["shop", "invalid", "broken"]))
    assert "projects/shop/mappings/broken.yaml:1:23: form: unknown key 'form'; did you mean 'from'?" in (
        placeholder.description or ""
    )
    assert "projects/shop/mappings/broken.yaml:1:23: form: unknown key 'form'" in run.summary
    assert "projects/shop/mappings/not_yaml.yaml:" in run.summary


def test_metadata_of_drivers_is_made_plain_and_never_hides_ours(projects: ProjectsFolder) -> None:
    projects.driver(
        "items_store_driver",
        """
        import numpy as np
        import pandas as pd
        from custom_store_pipeline import Pulled

        class ItemsStoreDriver:
            def pull_data(self, mapping_config, entity):
                return Pulled(pd.DataFrame({"id": [1]}), metadata={"pages": np.int64(3), "chunks": "mine"})

            def push_data(self, config, entity, df, deletes_df=None):
                return {
                    "inserted": np.int64(1), "share": np.float32(0.5), "done": np.bool_(True), "at": pd.Timestamp(0),
                    "nan": float("nan"), "nothing": None, "nested": {"a": [np.int8(1)]}, "success": True,
                }
        """,
    )
    projects.mapping(
        """
        mappings:
          - mapping:
              from: {store: {file_name: items_store_driver, name: source}}
              to: {file_name: items_store_driver, name: target}
        """
    )

    run = projects.materialize()

    metadata = run.metadata["shop/target/items"]
    assert metadata["inserted"] == 1
    assert metadata["share"] == 0.5
    assert metadata["done"] is True
    assert metadata["at"] == "1970-01-01 00:00:00"
    assert metadata["nan"] == "nan"
    assert metadata["nothing"] is None
    assert metadata["nested"] == {"a": [1]}
    assert metadata["pages"] == 3
    assert metadata["driver/chunks"] == "mine"
    assert metadata["chunks"] == 1


def test_files_that_cannot_be_used_show_whatever_they_are_called(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(include="[good]"), name="good")
    broken = "mappings: ["
    for name in ("my mapping-ä", "a.b", "a_b", "import"):
        projects.mapping(broken, name=name)
    for folder in ("dev", "prod"):
        nested = projects.path / "shop/mappings" / folder / "posts.yaml"
        nested.parent.mkdir()
        nested.write_text(mapping())
    projects.mapping(broken, project="p-x")
    projects.mapping(broken, project="p_x")
    projects.mapping(mapping(), project="projekt_ä")

    run = projects.materialize("shop/sqlite_store_driver/good")
    keys = {key.to_user_string() for key in projects.definitions().resolve_asset_graph().get_all_asset_keys()}

    assert run.materialized == {"good"}
    assert {key for key in keys if "/invalid/" in key} == {
        "shop/invalid/my mapping-ä", "shop/invalid/a.b", "shop/invalid/a_b", "shop/invalid/import",
        "shop/invalid/posts", "shop/invalid/prod/posts.yaml",
        "p-x/invalid/items", "p_x/invalid/items", "projekt_ä/invalid/items",
    }  # fmt: skip


def test_a_mapping_that_dagster_refuses_takes_no_other_down(
    projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(include="[good]"), name="good")
    projects.mapping(mapping(include="[bad]", more="schedule: '@daily'"), name="refused")

    def refuse(**_: object) -> None:
        raise dg.DagsterInvalidDefinitionError("no such schedule")

    monkeypatch.setattr(dg, "ScheduleDefinition", refuse)
    graph = projects.definitions().resolve_asset_graph()

    placeholder = graph.get(dg.AssetKey(["shop", "invalid", "refused"]))
    assert (
        "refused.yaml:3:5: this mapping cannot be turned into assets: DagsterInvalidDefinitionError: no such schedule"
        in (placeholder.description or "")
    )
    assert graph.has(dg.AssetKey(["shop", "sqlite_store_driver", "good"]))
    assert not graph.has(dg.AssetKey(["shop", "sqlite_store_driver", "bad"]))


def test_keys_of_args_may_be_anything_that_yaml_knows(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(
        """
        mappings:
          - mapping:
              from: {store: {file_name: items_store_driver, args: {codes: {1: one, x: two, 2024-01-01: three}}}}
              to: {file_name: sqlite_store_driver, args: {path: target.db}}
        """
    )

    assert projects.materialize().success


def test_a_secret_that_came_as_a_columns_name_is_masked(
    projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret-token")
    projects.driver(
        "items_store_driver",
        """
        class ItemsStoreDriver:
            def pull_data(self, mapping_config, entity):
                return [{"error: bad token " + mapping_config["token"]: 1}]

            def push_data(self, config, entity, df):
                return True
        """,
    )
    projects.mapping(
        """
        mappings:
          - mapping:
              from: {store: {file_name: items_store_driver, name: source, token: "${TOKEN}"}}
              to: {file_name: items_store_driver, name: target}
        """
    )

    metadata = projects.materialize().metadata["shop/target/items"]

    assert [column.name for column in metadata["dagster/column_schema"].columns] == ["error: bad token ***"]


def test_stores_whose_names_meet_have_drivers_of_their_own(projects: ProjectsFolder) -> None:
    """Joined by ``__``, project ``a`` with store ``b__c`` and project ``a__b`` with store ``c`` are the same."""
    for project, name in (("a", "b__c"), ("a__b", "c")):
        projects.driver("items_store_driver", SOURCE.replace('"ü"', f'"{project}"'), project)
        projects.sqlite(project)
        projects.mapping(
            f"""
            mappings:
              - mapping:
                  mapping_name: {"b__c" if project == "a" else "c"}
                  schedule: "@daily"
                  from: {{store: {{file_name: items_store_driver, name: {name}}}, entity: {{include: [items]}}}}
                  to: {{file_name: sqlite_store_driver, args: {{path: {project}.db}}}}
            """,
            project=project,
        )

    assert projects.materialize().success

    for project in ("a", "a__b"):
        with contextlib.closing(sqlite3.connect(projects.root / f"{project}.db")) as connection:
            assert connection.execute("SELECT name FROM items WHERE id = 2").fetchall() == [(project,)]


def test_a_broken_file_beside_a_mapping_called_as_its_placeholder_takes_no_other_down(projects: ProjectsFolder) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(more="mapping_name: invalid"), name="good")
    projects.mapping("mappings: []", name="1")

    keys = {"/".join(key.path) for key in projects.definitions().resolve_asset_graph().get_all_asset_keys()}

    assert {"shop/invalid/1", "shop/sqlite_store_driver/items"} <= keys
    assert projects.materialize("shop/sqlite_store_driver/items").success


def test_whatever_goes_wrong_with_a_mapping_takes_no_other_down(
    projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping(include="[good]"), name="good")
    projects.mapping(mapping(include="[bad]", more="schedule: '@daily'"), name="refused")

    def fail(**_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(dg, "ScheduleDefinition", fail)
    graph = projects.definitions().resolve_asset_graph()

    description = graph.get(dg.AssetKey(["shop", "invalid", "refused"])).description or ""
    assert "this mapping cannot be turned into assets: RecursionError: too deep" in description
    assert graph.has(dg.AssetKey(["shop", "sqlite_store_driver", "good"]))

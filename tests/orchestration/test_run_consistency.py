"""A run never mixes two versions of a mapping, whatever is edited while it is at work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from custom_store_pipeline.orchestration.run_consistency import step_versions
from tests.world.processes import running, wait_until
from tests.world.projects_folder import ProjectsFolder

DRIVER = """
    import time
    from pathlib import Path

    class SlowStoreDriver:
        def pull_data(self, mapping_config, entity):
            folder = Path(mapping_config["args"]["folder"])
            (folder / f"began_{entity}").touch()
            while not (folder / "go").exists():
                time.sleep(0.05)
            return [{"id": 1, "version": mapping_config["args"]["version"]}]

        def push_data(self, config, entity, df, deletes_df=None):
            with Path(config["args"]["folder"], "pushed").open("a") as file:
                file.write(f"{entity} {df.version[0]}\\n")
            return True
"""
MAPPING = """
    mappings:
      - mapping:
          from:
            store: {{file_name: slow_store_driver, name: a, args: {{folder: {folder}, version: 1}}}}
            entity: {{include: [{entities}]}}
          to: {{file_name: slow_store_driver, name: b, args: {{folder: {folder}}}}}
          entities_per_step: 1
"""


# Dagster runs as many steps at a time as there are cores; the last one loads the definitions when another has ended.
CORES = os.cpu_count() or 1
ENTITIES = [f"e{number}" for number in range(CORES + 1)]


@pytest.fixture
def slow(projects: ProjectsFolder) -> ProjectsFolder:
    projects.driver("slow_store_driver", DRIVER)
    projects.mapping(MAPPING.format(folder=projects.root, entities=", ".join(ENTITIES)), name="slow")
    return projects


def run_with_an_edit(
    slow: ProjectsFolder, edited: Path, old: str, new: str, executor: str
) -> tuple[int, str, set[str]]:
    """Edits a file after the first steps began; returns the exit code, what was printed and what was pushed."""
    command = ["dagster", "asset", "materialize", "--select", "*", "-m", "custom_store_pipeline.definitions"]
    output = slow.root / "output"
    with running(command, slow.home, slow.path, output, slow.root, CUSTOM_STORE_EXECUTOR=executor) as process:
        at_once = CORES if executor == "multiprocess" else 1
        wait_until(lambda: len(list(slow.root.glob("began_*"))) == at_once)
        text = edited.read_text()
        assert old in text
        edited.write_text(text.replace(old, new))
        (slow.root / "go").touch()
        exit_code = process.wait(120)
    pushed = slow.root / "pushed"
    return exit_code, output.read_text(), set(pushed.read_text().splitlines())


EDITS = {
    "a setting": ("shop/mappings/slow.yaml", "version: 1", "version: 2"),
    "a driver": ("shop/custom_store_driver/slow_store_driver.py", "return True", "return 1"),
    "a driver that is broken now": ("shop/custom_store_driver/slow_store_driver.py", "class ", "clas "),
}


CHANGED = (
    "MappingChangedError: projects/shop/mappings/slow.yaml, or a driver of it, changed during this run; "
    "earlier steps had the version before, so this one has pulled and pushed nothing; materialize its entities again"
)

REMOVALS = {
    "the entities are gone": ("shop/mappings/slow.yaml", "[e0", "[e0]\n#"),
    "the mapping is broken": ("shop/mappings/slow.yaml", "mappings:", "mappingz:"),
}

GONE = "no AssetsDefinition objects supply these keys"  # Dagster's; nothing of ours runs by then


@pytest.mark.parametrize("edit", EDITS | REMOVALS)
def test_a_step_of_another_version_or_of_none_stops_before_it_pushes(slow: ProjectsFolder, edit: str) -> None:
    path, old, new = (EDITS | REMOVALS)[edit]

    exit_code, output, pushed = run_with_an_edit(slow, slow.path / path, old, new, "multiprocess")

    assert exit_code == 1
    assert {line.split()[1] for line in pushed} == {"1"}
    assert len(pushed) == CORES
    assert (CHANGED if edit in EDITS else GONE) in output


@pytest.mark.parametrize("edit", EDITS | REMOVALS)
def test_a_run_in_one_process_ends_on_the_version_that_it_began_with(slow: ProjectsFolder, edit: str) -> None:
    path, old, new = (EDITS | REMOVALS)[edit]

    exit_code, output, pushed = run_with_an_edit(slow, slow.path / path, old, new, "in_process")

    assert exit_code == 0, output
    assert pushed == {f"{entity} 1" for entity in ENTITIES}


def test_entities_that_would_move_to_other_steps_stop_the_run(slow: ProjectsFolder) -> None:
    """Otherwise it would end green without the entities that its last steps had when it began."""
    path = slow.path / "shop/mappings/slow.yaml"
    more = ", ".join([*ENTITIES, *(f"x{number}" for number in range(2 * CORES))])
    text = path.read_text().replace(", ".join(ENTITIES), more).replace("per_step: 1", "per_step: 2")
    path.write_text(text)

    exit_code, output, _ = run_with_an_edit(slow, path, "per_step: 2", "per_step: 1", "multiprocess")

    assert exit_code == 1
    assert "MappingChangedError" in output


def test_an_entity_that_is_added_at_the_end_does_not_stop_the_others(slow: ProjectsFolder) -> None:
    path = slow.path / "shop/mappings/slow.yaml"

    exit_code, output, pushed = run_with_an_edit(slow, path, f"{ENTITIES[-1]}]", f"{ENTITIES[-1]}, z]", "multiprocess")

    assert exit_code == 0, output
    assert pushed == {f"{entity} 1" for entity in ENTITIES}


def test_a_step_agrees_with_the_same_step_of_other_definitions() -> None:
    first, second = step_versions([["a1", "b1"], ["c1"]])
    longer = step_versions([["a1", "b1"], ["c1"], ["d1"]])
    moved = step_versions([["a1"], ["b1", "c1"]])
    changed = step_versions([["a1", "b1"], ["c2"]])

    assert [second.agrees_with(other[0].steps) for other in (longer, moved, changed)] == [True, False, False]
    assert first.agrees_with(changed[0].steps)
    assert not longer[2].agrees_with(first.steps)

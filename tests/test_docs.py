"""What the documentation says is what the code does."""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import textwrap
from pathlib import Path

import duckdb
import pytest
from pydantic import BaseModel

import custom_store_pipeline
from custom_store_pipeline import errors
from custom_store_pipeline.config import models
from custom_store_pipeline.config.validation_messages import keys_of
from tests.world.projects_folder import CHECKOUT, ProjectsFolder

README = (CHECKOUT / "README.md").read_text()
DOCS = CHECKOUT / "docs"


def blocks(text: str, language: str) -> list[str]:
    return [
        textwrap.dedent(block)
        for block in re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    ]


def test_the_picture_of_the_rooms_is_that_of_the_imports() -> None:
    spec = importlib.util.spec_from_file_location("draw_architecture", DOCS / "draw_architecture.py")
    assert spec is not None
    assert spec.loader is not None
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)

    assert drawing.PICTURE.read_text() == drawing.picture(), "run: make picture"


def test_the_public_names_are_frozen() -> None:
    assert custom_store_pipeline.__all__ == [
        "ArrowPushDriver", "ChunkedPushDriver", "PullDriver", "Pulled", "PushDriver", "TerminalError",
    ]  # fmt: skip


SECTIONS: dict[str, type[BaseModel]] = {
    "": models.MappingConfig,
    "from.": models.Source,
    "from.data_format.": models.DataFormat,
    "from.entity.": models.SourceEntities,
    "from.offset.": models.Offset,
    "to.": models.Target,
    "to.entity.": models.TargetEntities,
    "store.": models.Store,
    "retries.": models.Retries,
    "partitions.": models.Partitions,
}


def test_every_key_of_a_mapping_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"^\| `([a-z_.]+)`", (DOCS / "mapping.md").read_text(), re.MULTILINE))

    assert documented == {prefix + key for prefix, section in SECTIONS.items() for key in keys_of(section)} - {"from"}


def test_the_documented_defaults_are_those_of_the_code() -> None:
    rows = re.findall(
        r"^\| `([a-z_.]+)` \|.*?\| `([^`]+)` \| [^|]+ \|$", (DOCS / "mapping.md").read_text(), re.MULTILINE
    )
    documented = {key: default for key, default in rows if not default.startswith("{type: ")}

    checked = 0
    for prefix, section in SECTIONS.items():
        for name, field in section.model_fields.items():
            default = documented.get(prefix + (field.alias or name))
            if default is not None and default not in ("file_name",):
                found = list(field.default) if isinstance(field.default, tuple) else field.default
                shown = found if isinstance(found, str) else json.dumps(found)
                assert shown == default, prefix + name
                checked += 1
    assert checked >= 15


def test_every_setting_is_documented_and_no_other() -> None:
    used = set(re.findall(r"CUSTOM_STORE_[A-Z_]+", (CHECKOUT / "custom_store_pipeline/settings.py").read_text()))
    rows = re.findall(r"^\| `(CUSTOM_STORE_[A-Z_]+)` \|", README + (DOCS / "operations.md").read_text(), re.MULTILINE)

    assert set(rows) == used


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    classes = {
        name: found
        for name, found in vars(errors).items()
        if inspect.isclass(found) and issubclass(found, errors.CustomStoreError)
    }
    expected = []

    def draw(cls: type, indent: str) -> None:
        children = [child for child in classes.values() if child.__base__ is cls]
        for child in children:
            last = child is children[-1]
            expected.append(f"{indent}{'└' if last else '├'}── {child.__name__}")
            draw(child, indent + ("    " if last else "│   "))

    draw(errors.CustomStoreError, "")

    for text in (errors.__doc__ or "", (DOCS / "errors.md").read_text()):
        drawn = [line.strip("\n") for line in text.splitlines() if "──" in line]
        names = [re.match(r" {0,4}([│ ]*[├└]── \w+)", line) for line in drawn]
        assert [found.group(1).removeprefix("    ") if found else "" for found in names] == expected
    documented = set(re.findall(r"^\| `(\w+)` \|", (DOCS / "errors.md").read_text(), re.MULTILINE))
    assert documented == set(classes) - {"CustomStoreError"}


def test_the_readme_shows_the_demos_mapping_as_it_is() -> None:
    assert (CHECKOUT / "projects/flights/mappings/nycflights.yaml").read_text() in blocks(README, "yaml")


def test_the_readmes_own_project_works_as_it_is_written(projects: ProjectsFolder) -> None:
    (driver,) = blocks(README, "python")
    mapping = next(block for block in blocks(README, "yaml") if "orders_store_driver" in block)
    projects.driver("orders_store_driver", driver)
    projects.mapping(mapping, name="orders")
    (projects.root / "inbox").mkdir()
    for entity in ("orders", "customers"):
        (projects.root / "inbox" / f"{entity}.json").write_text('[{"id": 1, "name": "a"}, {"id": 2, "name": "ä"}]')

    run = projects.materialize()

    assert run.success, run.summary
    assert json.loads((projects.root / "archive/orders.json").read_text()) == [
        {"id": 1, "name": "a"}, {"id": 2, "name": "ä"}
    ]  # fmt: skip
    assert set(run.metadata) == {"shop/archive/orders", "shop/archive/customers"}


def test_the_hand_written_asset_of_the_docs_works(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_STORE_PROJECTS_DIR", str(CHECKOUT / "projects"))
    (source,) = blocks((DOCS / "hand_written_assets.md").read_text(), "python")
    (projects.root / "my_definitions.py").write_text(source)

    done = projects.dagster(
        "asset", "materialize", "-f", "my_definitions.py", "--select",
        "key:flights/duckdb_store_driver/flights or key:flights/duckdb_store_driver/delays_by_carrier",
        CUSTOM_STORE_PROJECTS_DIR=str(CHECKOUT / "projects"),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    with duckdb.connect(projects.root / "data/flights.duckdb") as connection:
        assert connection.execute("SELECT count(*) FROM delays_by_carrier").fetchone() == (16,)


@pytest.mark.parametrize(
    "path",
    [*sorted(CHECKOUT.glob("*.md")), *sorted(DOCS.rglob("*.md")), CHECKOUT / "tests/README.md"],
    ids=lambda path: path.name,
)
def test_no_link_leads_nowhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())

    assert [link for link in links if not (path.parent / link).exists()] == []

"""Code versions: what changes them, and what does not."""

from __future__ import annotations

import textwrap

import dagster as dg
import pytest

from tests.world.projects_folder import SOURCE, ProjectsFolder, mapping


def version(projects: ProjectsFolder, entity: str = "items") -> str | None:
    key = dg.AssetKey(["shop", "sqlite_store_driver", entity])
    return projects.definitions().resolve_asset_graph().get(key).code_version


def test_the_code_version_changes_with_what_decides_the_rows(projects: ProjectsFolder) -> None:
    projects.driver("helpers", "X = 1")
    projects.driver("items_store_driver", "from .helpers import X\n" + textwrap.dedent(SOURCE))
    projects.sqlite()
    projects.mapping(mapping())
    seen = [version(projects)]

    projects.driver("helpers", "X = 2")
    seen.append(version(projects))
    projects.driver("items_store_driver", "from .helpers import X\n\n" + textwrap.dedent(SOURCE))
    seen.append(version(projects))
    projects.mapping(mapping(more="write_mode: upsert"))
    seen.append(version(projects))

    assert len(set(seen)) == 4


@pytest.mark.parametrize(
    ("include", "more"), [("[items, others]", ""), ("[items]", "schedule: '0 6 * * *'"), ("[items]", "concurrency: 7")]
)
def test_the_code_version_stays_with_what_does_not(projects: ProjectsFolder, include: str, more: str) -> None:
    projects.driver("items_store_driver", SOURCE)
    projects.sqlite()
    projects.mapping(mapping())
    before = version(projects)

    projects.mapping(mapping(include=include, more=more))

    assert version(projects) == before

"""Whatever stands in a mapping file: a message with a place, never a traceback."""

from __future__ import annotations

import copy
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custom_store_pipeline.projects.loading import check_format_options, load_projects
from tests.world.projects_folder import ProjectsFolder

EVERY_KEY = yaml.safe_load((Path(__file__).parent / "every_key.yaml").read_text())
for refused in ("delete_type", "delete_log_columns", "max_delete_fraction"):  # not supported yet
    del EVERY_KEY["mappings"][0]["mapping"][refused]
del EVERY_KEY["mappings"][0]["mapping"]["from"]["offset"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.sampled_from(
        ["", " ", "${A}", "${", "a/b", "../x", "{entity}", "{x}", "ä", "0 6 * * *", "@daily", "custom", "x" * 300]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8),
)
keys = st.one_of(scalars, st.sampled_from(["from", "to", "store", "args", "entity", "include", "type", "mapping"]))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))


def paths(value: object, path: tuple = ()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths(child, (*path, key))


PATHS = [path for path in paths(EVERY_KEY) if path]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PATHS), values), min_size=1, max_size=3))
def test_any_value_anywhere_is_accepted_or_explained(projects: ProjectsFolder, changes: list) -> None:
    document = copy.deepcopy(EVERY_KEY)
    for path, value in changes:
        parent = document
        try:
            for step in path[:-1]:
                parent = parent[step]
            parent[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue  # an earlier change took the place away
    projects.mapping(yaml.safe_dump(document, allow_unicode=True), name="any", project="blog")

    loaded = load_projects(projects.path)
    problems = [*loaded.problems, *check_format_options(loaded.mappings)]

    for problem in problems:
        assert problem.message
        assert problem.line >= 1
        assert problem.column >= 1
    assert loaded.mappings or loaded.broken_files
    assert projects.definitions().resolve_asset_graph().get_all_asset_keys()

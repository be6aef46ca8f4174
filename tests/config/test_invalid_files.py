"""Every mistake in a mapping file that we know of, with the exact message beside it: `invalid/<name>.yaml` and `.txt`.

To accept messages that were changed on purpose: `ACCEPT_MESSAGES=1 pytest tests/config/test_invalid_files.py`, and read
the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from custom_store_pipeline.cli.main import main
from tests.world.projects_folder import ProjectsFolder

INVALID = Path(__file__).parent / "invalid"

DRIVERS = {
    "good_store_driver": """
        class GoodStoreDriver:
            def pull_data(self, mapping_config, entity): ...
            def push_data(self, config, entity, df, deletes_df=None): ...
    """,
    "pull_only_store_driver": """
        class PullOnlyStoreDriver:
            def pull_data(self, mapping_config, entity): ...
    """,
    "overwriting_store_driver": """
        class OverwritingStoreDriver:
            capabilities = {"overwrite"}
            def pull_data(self, mapping_config, entity): ...
            def push_data(self, config, entity, df, deletes_df=None): ...
    """,
    "boastful_store_driver": """
        class BoastfulStoreDriver:
            capabilities = {"overwrite", "upserts"}
            def push_data(self, config, entity, df, deletes_df=None): ...
    """,
    "misnamed_store_driver": "class MisnamedDriver: ...",
    "misspelt_store_driver": """
        class MisspeltStoreDriver:
            def pul_data(self, mapping_config, entity): ...
    """,
    "arguments_store_driver": """
        class ArgumentsStoreDriver:
            def pull_data(self, entity): ...
            def push_data(self, config, entity): ...
    """,
    "syntax_store_driver": "class SyntaxStoreDriver\\n    pass",
}


@pytest.mark.parametrize("name", sorted(path.stem for path in INVALID.glob("*.yaml")))
def test_the_message_is_the_one_beside_the_file(projects: ProjectsFolder, name: str) -> None:
    for file_name, source in DRIVERS.items():
        projects.driver(file_name, source)
    path = projects.mapping("", name=name)
    path.write_bytes((INVALID / f"{name}.yaml").read_bytes())

    result = CliRunner().invoke(main, ["validate", "projects"], catch_exceptions=False)

    expected = INVALID / f"{name}.txt"
    if os.environ.get("ACCEPT_MESSAGES"):
        expected.write_text(result.stdout)
    assert result.stdout == expected.read_text()
    assert result.exit_code == 1


def test_no_message_is_without_its_file() -> None:
    assert {path.stem for path in INVALID.glob("*.txt")} == {path.stem for path in INVALID.glob("*.yaml")}

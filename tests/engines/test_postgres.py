"""Dagster's storage on a PostgreSQL server, and steps in processes of their own that share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world.held_items import Items
from tests.world.projects_folder import ProjectsFolder
from tests.world.services import postgres

# SQLAlchemy 2.1 takes psycopg 3 for a bare `postgresql://`, and dagster-postgres brings psycopg 2.
STORAGE = """
telemetry: {{enabled: false}}
storage:
  postgres:
    postgres_db:
      scheme: postgresql+psycopg2
      hostname: 127.0.0.1
      port: {port}
      username: dagster
      password: {{env: PASSWORD_OF_DAGSTER}}
      db_name: postgres
"""


@pytest.fixture
def items(projects: ProjectsFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Items]:
    with postgres(projects.root) as port:
        monkeypatch.setenv("PASSWORD_OF_DAGSTER", "secret of dagster")
        (projects.home / "dagster.yaml").write_text(STORAGE.format(port=port))
        yield Items(projects, CUSTOM_STORE_EXECUTOR="multiprocess")


def test_what_arrives_is_what_arrives_in_one_process(items: Items) -> None:
    items.compare_with_one_process()


def test_the_process_of_a_step_dies(items: Items) -> None:
    items.survive(another_takes_over=False)

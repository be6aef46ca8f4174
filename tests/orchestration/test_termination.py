"""A run that hangs ends within seconds when it is told to."""

from __future__ import annotations

import signal
import time

import pytest

from tests.world.processes import asset_keys, dagster_dev, launch, running, terminate, wait_until
from tests.world.projects_folder import ProjectsFolder

HANGING = """
    import time
    from pathlib import Path

    class HangingDriver:
        def pull_data(self, mapping_config, entity):
            Path(mapping_config["args"]["began"]).touch()
            time.sleep(600)

        def push_data(self, config, entity, df, deletes_df=None):
            return True
"""


@pytest.fixture
def hanging(projects: ProjectsFolder) -> ProjectsFolder:
    projects.driver("hanging_driver", HANGING)
    projects.mapping(
        f"""
        mappings:
          - mapping:
              from:
                store: {{file_name: hanging_driver, name: a, args: {{began: {projects.root / "began"}}}}}
                entity: {{include: [x, y, z]}}
              to: {{file_name: hanging_driver, name: b}}
              concurrency: 2
        """
    )
    return projects


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command(hanging: ProjectsFolder, number: signal.Signals) -> None:
    command = ["dagster", "asset", "materialize", "--select", "*", "-m", "custom_store_pipeline.definitions"]
    with running(command, hanging.home, hanging.path, hanging.root / "output") as process:
        wait_until((hanging.root / "began").exists)
        process.send_signal(number)
        assert process.wait(20) == 1


def test_terminating_a_run_in_the_ui_ends_it(hanging: ProjectsFolder) -> None:
    with dagster_dev(hanging.home, hanging.path, hanging.root / "dev.log") as address:
        asset_keys(address)
        run_id = launch(address, *(f"shop/b/{name}" for name in "xyz"))
        wait_until((hanging.root / "began").exists)
        terminate(address, run_id, seconds=20)


def test_thread_pools_of_a_driver_that_hangs_do_not_keep_the_process(hanging: ProjectsFolder) -> None:
    hanging.driver(
        "hanging_driver",
        """
        import time
        from concurrent.futures import ThreadPoolExecutor

        class HangingDriver:
            def pull_data(self, mapping_config, entity):
                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(time.sleep, [600, 600]))

            def push_data(self, config, entity, df):
                return True
        """,
    )
    path = hanging.path / "shop/mappings/items.yaml"
    path.write_text(path.read_text().replace("concurrency: 2", "concurrency: 3\n      timeout: 1"))

    begun = time.monotonic()
    done = hanging.materialize_by_cli()

    assert "3 of 3 entities failed" in done.stderr
    assert time.monotonic() - begun < 60

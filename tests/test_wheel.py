"""The wheel alone, in an empty folder: what it lacks, nobody who installs it has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.world.projects_folder import CHECKOUT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what it is made of: setuptools writes into the folder that it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, folder)
    shutil.copytree(CHECKOUT / "custom_store_pipeline", folder / "custom_store_pipeline")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(folder / "dist")]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(folder)], check=True, timeout=120)
    (found,) = (folder / "dist").glob("*.whl")
    return found


def test_the_wheel_has_the_templates_and_the_license(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    templates = (CHECKOUT / "custom_store_pipeline/scaffold/templates").rglob("*")
    wanted = {str(path.relative_to(CHECKOUT)) for path in templates if path.is_file() and path.suffix != ".pyc"}

    assert wanted <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_an_empty_folder_becomes_a_project_that_runs(wheel: Path, tmp_path: Path) -> None:
    environment, folder = tmp_path / "venv", tmp_path / "empty"
    folder.mkdir()
    venv.create(environment, with_pip=False)
    python = environment / "bin/python"
    options = ["--python", str(python), "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", *options, str(wheel)], check=True, timeout=120)
    # What it depends on is not installed again. This environment's own copy of the package is not seen: it is one of
    # its .pth files that leads to the checkout, and those of a folder that a .pth file names do not count.
    (installed,) = (environment / "lib").glob("python*/site-packages")
    (installed / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    mine = ("CUSTOM_STORE_", "PYTHONPATH")
    env = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    env |= {"DAGSTER_HOME": str(folder / ".dagster_home"), "PATH": f"{environment / 'bin'}:{env['PATH']}"}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("custom-store", "init", "lake")
    assert "No problems. Mappings: 1, entities: 2." in run("custom-store", "validate")
    selected = ["--select", "group:lake", "-m", "custom_store_pipeline.definitions"]
    run(str(python), "-m", "dagster", "asset", "materialize", *selected)

    assert "data/lake.duckdb, table orders" in run("custom-store", "status")
    assert (folder / "data/lake.duckdb").is_file()

"""What is in deploy/, as far as it can be checked without Docker and Kubernetes: by schemas, and by Dagster itself."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from custom_store_pipeline.engines.executors import executor_from_settings
from tests.world.projects_folder import CHECKOUT

DEPLOY = CHECKOUT / "deploy"


def content(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def test_the_compose_file_follows_its_schema() -> None:
    program = Path(sys.executable).parent / "check-jsonschema"
    command = [program, "--builtin-schema", "vendor.compose-spec", DEPLOY / "docker-compose.yaml"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout


def test_only_what_runs_drivers_gets_their_secrets() -> None:
    services = content("docker-compose.yaml")["services"]

    assert {name for name, service in services.items() if service.get("env_file")} == {"code", "worker"}
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"]


@pytest.mark.parametrize(("engine", "name"), [("celery", "celery.yaml"), ("k8s", "helm/k8s.yaml")])
def test_dagster_takes_the_executors_config(monkeypatch: pytest.MonkeyPatch, engine: str, name: str) -> None:
    monkeypatch.setenv("CUSTOM_STORE_EXECUTOR", engine)
    monkeypatch.setenv("CUSTOM_STORE_EXECUTOR_CONFIG", str(DEPLOY / name))

    assert executor_from_settings()


def test_dagster_takes_the_instances_config() -> None:
    checked, _ = dagster_instance_config(str(DEPLOY))

    assert checked["storage"]["postgres"]["postgres_db"]["scheme"] == "postgresql+psycopg2"
    assert content("helm/values.yaml")["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"


@pytest.mark.parametrize("name", ["Dockerfile", "helm/Dockerfile"])
def test_an_image_is_made_of_what_is_there(name: str) -> None:
    dockerfile = (DEPLOY / name).read_text()
    copied = [name for line in re.findall(r"^COPY (.*)$", dockerfile, re.MULTILINE) for name in line.split()[:-1]]
    assert [name for name in copied if not (CHECKOUT / name).exists()] == []
    assert {f"!{name}" for name in copied} <= set((CHECKOUT / ".dockerignore").read_text().splitlines())


def test_the_image_is_pinned() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    (wanted,) = re.findall(r"--constraint constraints.txt '\.\[(.*)\]'", dockerfile)
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    packages = {re.match(r"[\w-]+", line)[0] for extra in wanted.split(",") for line in extras[extra]}
    pinned = {line.partition("==")[0] for line in (CHECKOUT / "constraints.txt").read_text().splitlines()}
    assert packages <= pinned


def test_kubernetes_takes_the_parts_of_the_values_that_are_its_own() -> None:
    """Dagster's chart has a schema of its own, which no package registry has; see deploy/README.md."""
    values = content("helm/values.yaml")
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    step = content("helm/k8s.yaml")["step_k8s_config"]["container_config"]
    run = values["runLauncher"]["config"]["k8sRunLauncher"]
    containers = [
        {"name": "code", "env": deployment["env"], "resources": deployment["resources"]},
        {"name": "step", "resources": step["resources"]},
        {"name": "run", "resources": run["resources"]},
    ]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": containers}}

    kubernetes_validate.validate(pod, "1.30", strict=True)

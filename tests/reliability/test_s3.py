"""Key snapshots on S3, as moto's server has it."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.reliability.kill_points import arm
from tests.world.ledger import MODES, Ledger
from tests.world.projects_folder import ProjectsFolder


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """The environment in which there is a bucket `state`."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    _client(environment).create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield environment
    server.stop()


def _client(environment: dict[str, str]):
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="eu-central-1",
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_history_with_a_killed_run(projects: ProjectsFolder, s3: dict[str, str], mode: str) -> None:
    environment = s3 | {"CUSTOM_STORE_STATE_URL": f"s3://state/{mode.replace(' ', '-').replace(',', '')}"}
    ledger = Ledger(projects, mode)
    ledger.upsert(1, 2, 3, 4)
    assert ledger.run(**environment) == 0, ledger.log()
    ledger.delete(1)
    ledger.upsert(5)
    assert ledger.run(arm, KILL_AT="push: committed", **environment) == -9
    ledger.delete(5)
    for key in range(6, 9):
        ledger.upsert(key)
        assert ledger.run(**environment) == 0, ledger.log()

    assert ledger.missing_or_wrong() == set()
    prefix = environment["CUSTOM_STORE_STATE_URL"].removeprefix("s3://state/")
    found = _client(s3).list_objects_v2(Bucket="state", Prefix=f"{prefix}/shop/target/items/")["Contents"]
    assert len(found) == 3


def test_a_bucket_that_is_not_there_is_an_error_before_the_push(projects: ProjectsFolder, s3: dict[str, str]) -> None:
    ledger = Ledger(projects, "full, in one piece")
    ledger.upsert(1)

    assert ledger.run(CUSTOM_STORE_STATE_URL="s3://no-such-bucket/state", **s3) == 1

    assert "at s3://no-such-bucket/state/shop/target/items" in ledger.log()
    assert ledger.journal() == []

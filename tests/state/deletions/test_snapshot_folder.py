"""Key snapshots in a local folder and on S3: only what is complete is there, and no entity meets another's."""

from __future__ import annotations

import socket
import tempfile
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import fsspec
import pytest
import s3fs
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer

from custom_store_pipeline.errors import StateStorageError
from custom_store_pipeline.state.deletions.snapshot_folder import (
    ORPHAN,
    PUSH,
    SNAPSHOT,
    SnapshotFolder,
    file_name,
    run_of,
)

BUCKET = "bucket"
PARTS = ("shop", "b", "items")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The URL of a bucket in something that behaves as S3."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory() as empty:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": f"{empty}/config",
            "AWS_SHARED_CREDENTIALS_FILE": f"{empty}/credentials",
            "AWS_MAX_ATTEMPTS": "1",
            "NO_PROXY": "127.0.0.1",
        }.items():
            patched.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patched.delenv(name, raising=False)
        boto3.session.Session().client("s3").create_bucket(Bucket=BUCKET)
        s3fs.S3FileSystem.clear_instance_cache()
        yield f"s3://{BUCKET}"
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture(params=["folder", "folder's URL", "s3"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for state that is empty."""
    if request.param == "s3":
        return f"{request.getfixturevalue('s3')}/{tmp_path.name}"
    return str(tmp_path / "state") if request.param == "folder" else (tmp_path / "state").as_uri()


def local(folder: Path, content: bytes = b"keys") -> Path:
    path = folder / "local.parquet"
    path.write_bytes(content)
    return path


def filled(state_url: str, folder: Path, *names: str, parts: tuple[str, ...] = PARTS) -> SnapshotFolder:
    """A folder of snapshots, each of which holds its own name."""
    snapshots = SnapshotFolder(state_url, parts)
    for name in names:
        snapshots.put(local(folder, name.encode()), name)
    return snapshots


def test_an_entity_without_snapshots_has_none(state_url: str) -> None:
    assert SnapshotFolder(state_url, PARTS).names() == []


def test_what_was_put_is_listed_by_time_and_fetched(state_url: str, tmp_path: Path) -> None:
    snapshots = filled(state_url, tmp_path, "2.parquet", "10.parquet", "1.parquet")
    copies = tmp_path / "copies"
    copies.mkdir()

    assert snapshots.names() == ["1.parquet", "10.parquet", "2.parquet"]
    assert SnapshotFolder(f"{state_url}/", PARTS).names() == snapshots.names()
    for name in snapshots.names():
        assert snapshots.fetch(name, copies).read_bytes() == name.encode()


def test_what_another_process_put_is_listed(state_url: str, tmp_path: Path) -> None:
    snapshots, other = SnapshotFolder(state_url, PARTS), SnapshotFolder(state_url, PARTS)
    assert snapshots.names() == []

    other.put(local(tmp_path), "1.parquet")
    assert snapshots.names() == ["1.parquet"]

    other.remove(["1.parquet"])
    assert snapshots.names() == []


def test_a_local_snapshot_is_not_copied(tmp_path: Path) -> None:
    snapshots = filled(str(tmp_path / "state"), tmp_path, "1.parquet")

    assert snapshots.fetch("1.parquet", tmp_path) == tmp_path / "state/shop/b/items/1.parquet"


def test_a_snapshot_that_was_not_written_completely_is_not_listed(state_url: str, tmp_path: Path) -> None:
    snapshots = filled(state_url, tmp_path, "1.parquet")
    files, folder = fsspec.url_to_fs(snapshots.url())
    files.pipe(f"{folder}/2.parquet.part", b"ke")
    files.pipe(f"{folder}/notes.txt", b"")

    assert snapshots.names() == ["1.parquet"]


@pytest.mark.parametrize("fails", ["put_file", "mv"])
def test_a_snapshot_is_not_listed_when_writing_it_failed(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = filled(str(tmp_path / "state"), tmp_path, "1.parquet")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"fsspec.implementations.local.LocalFileSystem.{fails}", full)
    with pytest.raises(StateStorageError, match=r"cannot write .*/2\.parquet: OSError: \[Errno 28\] No space left"):
        snapshots.put(local(tmp_path), "2.parquet")

    assert snapshots.names() == ["1.parquet"]


def test_snapshots_are_removed_and_those_that_are_gone_are_no_error(state_url: str, tmp_path: Path) -> None:
    snapshots = filled(state_url, tmp_path, "1.parquet", "2.parquet", "3.parquet")

    snapshots.remove(["0.parquet", "1.parquet", "3.parquet", "4.parquet"])
    assert snapshots.names() == ["2.parquet"]

    snapshots.remove([])
    snapshots.remove(["1.parquet", "2.parquet"])
    assert snapshots.names() == []
    SnapshotFolder(state_url, ("never", "was")).remove(["1.parquet"])


def test_a_snapshot_that_is_gone_is_an_error_that_says_what_to_do(state_url: str, tmp_path: Path) -> None:
    snapshots = SnapshotFolder(state_url, PARTS)

    with pytest.raises(StateStorageError) as raised:
        snapshots.fetch("1.parquet", tmp_path)

    assert str(raised.value) == (
        f"cannot read the key snapshots at {state_url}/shop/b/items/1.parquet: it is not there; make sure that "
        "CUSTOM_STORE_STATE_URL is the same as before, and that it can be read and written; or reset the "
        "state: custom-store state reset"
    )
    assert raised.value.__suppress_context__


ODD = [
    *(
        "items",
        "Items",
        "ITEMS",
        "größe",
        "gr_e",
        "GRÖSSE",
        "a/b",
        "a\\b",
        "a_b",
        "..",
        ".",
        "",
        " ",
        "a.b",
        "a.parquet",
    ),
    *("-", "_", "x" * 80, "x" * 81, "x" * 1000, "ü" * 1000, "con", "a\nb", "50%", "a*", "items.", "items\n", "?#&="),
    *(unicodedata.normalize(form, "é") for form in ("NFC", "NFD")),
]


def test_odd_names_stay_apart(state_url: str, tmp_path: Path) -> None:
    names = ODD[:8] if state_url.startswith("s3") else ODD  # S3 takes its time
    for number, part in enumerate(names):
        filled(state_url, tmp_path, f"{number}.parquet", parts=("shop", part))

    for number, part in enumerate(names):
        assert SnapshotFolder(state_url, ("shop", part)).names() == [f"{number}.parquet"]
    files, root = fsspec.url_to_fs(f"{state_url}/shop")
    assert len(files.ls(root)) == len(names)
    assert len({path.lower() for path in files.ls(root)}) == len(names)


@pytest.mark.parametrize("part", ODD)
def test_odd_names_are_names_that_every_file_system_takes(part: str) -> None:
    folder = SnapshotFolder("/state", (part, "x")).url().removeprefix("/state/").removesuffix("/x")

    assert folder.isascii()
    assert folder.replace("_", "").replace("-", "").replace(".", "").isalnum() or part in ("_", "-")
    assert folder.strip(".")
    assert len(folder) <= 80


def test_simple_names_are_left_as_they_are() -> None:
    assert SnapshotFolder("s3://bucket/state/", PARTS).url("1.parquet") == "s3://bucket/state/shop/b/items/1.parquet"
    assert SnapshotFolder("/state", PARTS).url() == "/state/shop/b/items"


def test_partitions_are_not_snapshots_of_their_entity(state_url: str, tmp_path: Path) -> None:
    entity = filled(state_url, tmp_path, "1.parquet")
    partition = filled(state_url, tmp_path, "2.parquet", parts=(*PARTS, "2024-01-01"))
    other = filled(state_url, tmp_path, "3.parquet", parts=(*PARTS, "4.parquet"))

    assert entity.names() == ["1.parquet"]
    assert partition.names() == ["2.parquet"]
    assert other.names() == ["3.parquet"]


def ask(snapshots: SnapshotFolder, verb: str, folder: Path) -> str:
    """The error's message."""
    asked = {
        "list": snapshots.names,
        "read": lambda: snapshots.fetch("1.parquet", folder),
        "write": lambda: snapshots.put(local(folder), "1.parquet"),
        "remove": lambda: snapshots.remove(["1.parquet"]),
    }
    with pytest.raises(StateStorageError) as raised:
        asked[verb]()
    assert raised.value.__suppress_context__
    return str(raised.value)


ALL_VERBS = pytest.mark.parametrize("verb", ["list", "read", "write", "remove"])


@ALL_VERBS
def test_a_folder_below_a_file_is_an_error(verb: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    snapshots = SnapshotFolder(str(tmp_path / "file"), PARTS)

    message = ask(snapshots, verb, tmp_path)

    assert message.startswith(f"cannot {verb} the key snapshots at {tmp_path}/file/shop/b/items")
    assert "make sure that CUSTOM_STORE_STATE_URL is the same as before, and that it can be read and written" in message


@pytest.mark.parametrize("verb", ["list", "write"])
def test_a_server_that_does_not_answer_is_an_error(
    verb: str, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        s3fs.S3FileSystem.clear_instance_cache()

        message = ask(SnapshotFolder(f"{s3}/state", PARTS), verb, tmp_path)
        s3fs.S3FileSystem.clear_instance_cache()

    assert message.startswith(f"cannot {verb} the key snapshots at s3://{BUCKET}/state/shop/b/items")
    assert "EndpointConnectionError: Could not connect to the endpoint URL" in message


@ALL_VERBS
def test_an_unknown_kind_of_url_is_an_error(verb: str, tmp_path: Path) -> None:
    assert "ValueError: Protocol not known: nonsense;" in ask(SnapshotFolder("nonsense://x", PARTS), verb, tmp_path)


class TalkativeFiles(MemoryFileSystem):
    """Files behind a password, whose errors tell it."""

    protocol = "talkative"
    cachable = False

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise PermissionError(f"login of {self.storage_options}")

    ls = put_file = get_file = rm_file = makedirs = _fail

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, str]:
        user_info = path.removeprefix("talkative://").rpartition("@")[0]
        return {"password": user_info.partition(":")[2]}


@ALL_VERBS
@pytest.mark.parametrize("password", ["pa55word", "pa55/word", "pa55%2Fword", "pa55@word", "it's pa55"])
def test_passwords_are_never_shown(verb: str, password: str, tmp_path: Path) -> None:
    fsspec.register_implementation("talkative", TalkativeFiles, clobber=True)
    snapshots = SnapshotFolder(f"talkative://user:{password}@host/state", PARTS)

    message = ask(snapshots, verb, tmp_path)

    assert snapshots.url("1.parquet") == "talkative://user:***@host/state/shop/b/items/1.parquet"
    assert "PermissionError: login of {'password': " in message
    assert "pa55" not in message


def test_names_of_snapshots_sort_by_time_and_name_their_run() -> None:
    first, second = (
        file_name(run, SNAPSHOT, datetime(2024, 1, 1, 0, 0, 0, at, UTC)) for run, at in (("b_1", 9), ("a", 10))
    )

    assert first == "20240101T000000.000009Z_b_1.parquet"
    assert sorted([second, first]) == [first, second]
    assert (run_of(first), run_of(second)) == ("b_1", "a")
    assert [run_of(file_name("now", kind)) for kind in (SNAPSHOT, PUSH, ORPHAN)] == ["now"] * 3

"""Pulling and pushing through a real driver file."""

from __future__ import annotations

import pandas as pd
import pytest

from custom_store_pipeline.data.pulled import DataFormat, read_pulled
from custom_store_pipeline.data.stream import PulledData
from custom_store_pipeline.drivers.calls import instance
from custom_store_pipeline.drivers.endpoint import Endpoint, open_data
from custom_store_pipeline.drivers.loading import DriverVersion
from custom_store_pipeline.drivers.push_status import PushStatus
from custom_store_pipeline.errors import (
    DriverImportError,
    DriverNotFoundError,
    DriverSignatureError,
    PullError,
    PushError,
    PushReportedFailureError,
    UnusableDataError,
)
from custom_store_pipeline.redaction import Redactor
from tests.world.projects_folder import ProjectsFolder

DRIVER = """
    import sys
    from custom_store_pipeline import TerminalError

    class AStoreDriver:
        log = []

        def __init__(self):
            self.number = len(self.log)
            self.log.append("made")

        def pull_data(self, mapping_config, entity):
            if entity == "raises":
                try:
                    raise KeyError("inner s3cret")
                except KeyError as error:
                    raise ValueError("outer s3cret") from error
            if entity == "terminal":
                raise TerminalError("wrong password")
            if entity == "exits":
                sys.exit(3)
            if entity == "nothing":
                return None
            if entity == "chunks":
                return self.chunks()
            return [{"id": 1}]

        def chunks(self):
            yield [{"id": 1}]
            raise OSError("connection lost")

        def push_data(self, config, entity, df, deletes_df=None):
            df["id"] = 0
            del df["id"]
            self.log.append((entity, len(df), None if deletes_df is None else len(deletes_df)))
            return True

        def close(self):
            self.log.append("closed")
            if getattr(self, "close_fails", False):
                raise OSError("cannot close")
"""

CHUNKED = """
    class ChunkedDriver:
        def pull_data(self, mapping_config, entity): ...
        def push_data(self, config, entity, df, deletes_df=None):
            return {"way": "push_data", "rows": len(df)}
        def push_chunks(self, config, entity, chunks, deletes_df=None):
            if entity == "impatient":
                return {"rows": len(next(chunks))}
            return {"way": "push_chunks", "rows": [len(chunk) for chunk in chunks]}
"""

REDACTOR = Redactor(["s3cret"])


@pytest.fixture
def store(projects: ProjectsFolder) -> DriverVersion:
    projects.driver("a_store_driver", DRIVER)
    return projects.driver_version("a_store_driver")


def endpoint(driver: DriverVersion, entity: str = "items", data_format: DataFormat | None = None) -> Endpoint:
    return Endpoint(driver, entity, dict, REDACTOR, data_format or DataFormat())


def log_of(driver: DriverVersion) -> list:
    with instance(driver, "pull_data", PullError, REDACTOR) as made:
        return made.log[:-1]


def pull(driver: DriverVersion, entity: str) -> pd.DataFrame:
    with endpoint(driver, entity).pull() as pulled:
        return pulled.stream.joined()


def push(driver: DriverVersion, pulled: PulledData, entity: str = "items") -> PushStatus:
    return endpoint(driver, entity).push(pulled)


WHO = "pull_data of 'shop/a_store_driver' for"


def test_an_instance_a_call_which_is_closed(store: DriverVersion) -> None:
    pull(store, "items")
    push(store, read_pulled([{"id": 1}], DataFormat()))

    assert log_of(store) == ["made", "closed", "made", ("items", 1, None), "closed"]


def test_a_driver_is_closed_when_it_raised_too(store: DriverVersion) -> None:
    with pytest.raises(PullError):
        pull(store, "raises")

    assert log_of(store) == ["made", "closed"]


def test_what_a_driver_raises_comes_out_redacted_with_its_own_traceback(store: DriverVersion) -> None:
    with pytest.raises(PullError) as raised:
        pull(store, "raises")

    error = raised.value
    assert str(error) == f"{WHO} 'raises' raised ValueError: outer *** (a_store_driver.py:17)"
    assert "KeyError: 'inner ***'" in error.driver_traceback
    assert "The above exception was the direct cause" in error.driver_traceback
    assert "calls.py" not in error.driver_traceback
    assert "s3cret" not in error.driver_traceback.replace('"outer s3cret"', "").replace('"inner s3cret"', "")
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert not error.terminal


def test_terminal_errors_are_distinguished(store: DriverVersion) -> None:
    with pytest.raises(PullError, match="raised TerminalError: wrong password") as raised:
        pull(store, "terminal")

    assert raised.value.terminal


def test_a_driver_that_exits_only_fails(store: DriverVersion) -> None:
    with pytest.raises(PullError, match="raised SystemExit: 3"):
        pull(store, "exits")


def test_no_data_names_driver_and_entity(store: DriverVersion) -> None:
    with pytest.raises(UnusableDataError, match=f"^{WHO} 'nothing' returned None; accepted are a pandas DataFrame"):
        pull(store, "nothing")


def test_chunks_fail_as_pulls_wherever_they_are_read(store: DriverVersion) -> None:
    message = f"{WHO} 'chunks' raised OSError: connection lost"
    with pytest.raises(PullError, match=message):
        pull(store, "chunks")
    with (
        endpoint(store, "chunks").pull() as pulled,
        pytest.raises(PullError, match=message),
    ):
        push(store, pulled)


def test_what_a_push_does_to_its_frame_does_not_reach_the_next_attempt(store: DriverVersion) -> None:
    pulled = read_pulled(pd.DataFrame({"id": [1, 2]}), DataFormat())

    for _ in range(2):
        push(store, pulled)

    assert pulled.stream.joined()["id"].tolist() == [1, 2]


def test_deletes_are_handed_on(store: DriverVersion) -> None:
    push(store, read_pulled(([{"id": 1}], [{"id": 2}, {"id": 3}]), DataFormat()))

    assert ("items", 1, 2) in log_of(store)


@pytest.fixture
def chunked(projects: ProjectsFolder) -> DriverVersion:
    projects.driver("chunked_driver", CHUNKED)
    return projects.driver_version("chunked_driver")


def chunks():
    yield [{"id": 1}, {"id": 2}]
    yield [{"id": 3}]


def test_chunks_go_through_push_chunks_and_whole_data_through_push_data(chunked: DriverVersion) -> None:
    in_chunks = push(chunked, read_pulled(chunks(), DataFormat()))
    whole = push(chunked, read_pulled([{"id": 1}], DataFormat()))

    assert in_chunks == PushStatus({"way": "push_chunks", "rows": [2, 1]})
    assert whole == PushStatus({"way": "push_data", "rows": 1})


def test_an_empty_pull_reaches_push_chunks_as_one_empty_chunk(chunked: DriverVersion) -> None:
    status = push(chunked, read_pulled(iter([]), DataFormat()))

    assert status.metadata["rows"] == [0]


def test_chunks_that_were_not_read_are_a_failure(chunked: DriverVersion) -> None:
    with pytest.raises(PushError, match="returned before it had read all chunks") as raised:
        push(chunked, read_pulled(chunks(), DataFormat()), "impatient")

    assert raised.value.terminal


@pytest.fixture
def unclosable(projects: ProjectsFolder) -> DriverVersion:
    projects.driver("a_store_driver", DRIVER.replace("self.number = len(self.log)", "self.close_fails = True"))
    return projects.driver_version("a_store_driver")


def test_a_source_that_cannot_close_has_delivered_anyway(
    unclosable: DriverVersion, caplog: pytest.LogCaptureFixture
) -> None:
    pull(unclosable, "items")

    assert "AStoreDriver.close() raised OSError: cannot close (a_store_driver.py:" in caplog.text


def test_a_target_that_cannot_close_has_failed_and_is_not_retried(unclosable: DriverVersion) -> None:
    with pytest.raises(PushError, match=r"AStoreDriver.close\(\) raised OSError: cannot close") as raised:
        push(unclosable, read_pulled([{"id": 1}], DataFormat()))

    assert raised.value.terminal


def test_a_driver_that_is_not_there(projects: ProjectsFolder) -> None:
    projects.driver("a_store_driver", DRIVER)

    with pytest.raises(DriverNotFoundError, match="no file 'x.py' in .*; there are: a_store_driver"):
        pull(projects.driver_version("x"), "items")


@pytest.fixture
def without_deletes(projects: ProjectsFolder) -> DriverVersion:
    projects.driver(
        "plain_driver",
        """
        class PlainDriver:
            def push_data(self, config, entity, df):
                return {"rows": len(df)}
        """,
    )
    return projects.driver_version("plain_driver")


def test_a_driver_without_deletes_df_is_fine_until_there_are_deletes(without_deletes: DriverVersion) -> None:
    status = push(without_deletes, read_pulled([{"id": 1}], DataFormat()))
    assert status.metadata == {"rows": 1}

    with pytest.raises(
        DriverSignatureError, match="there are 2 rows to delete, and 'push_data' does not take them; add"
    ):
        push(without_deletes, read_pulled(([], [{"id": 1}, {"id": 2}]), DataFormat()))


def test_what_a_push_does_to_the_deletes_does_not_reach_the_next_attempt(projects: ProjectsFolder) -> None:
    projects.driver(
        "emptying_driver",
        """
        class EmptyingDriver:
            def push_data(self, config, entity, df, deletes_df=None):
                seen = len(deletes_df)
                del deletes_df["id"]
                return {"deletes": seen, "columns": len(deletes_df.columns)}
        """,
    )
    store = projects.driver_version("emptying_driver")
    pulled = read_pulled(([{"id": 1}], [{"id": 2, "x": 3}]), DataFormat())

    for _ in range(2):
        assert push(store, pulled).metadata == {"deletes": 1, "columns": 1}


def test_a_failed_status_comes_before_the_chunks_that_it_left(projects: ProjectsFolder) -> None:
    projects.driver(
        "full_driver",
        """
        class FullDriver:
            def push_data(self, config, entity, df, deletes_df=None): ...
            def push_chunks(self, config, entity, chunks, deletes_df=None):
                return {"status": "failed", "error": "disk is full of s3cret"}
        """,
    )

    with pytest.raises(PushReportedFailureError, match="failed status .*error: disk is full of \\*\\*\\*"):
        push(projects.driver_version("full_driver"), read_pulled(chunks(), DataFormat()), "x")


def test_a_protocols_stub_does_not_pass_for_a_push(projects: ProjectsFolder) -> None:
    projects.driver(
        "misspelt_driver",
        """
        from custom_store_pipeline import PushDriver

        class MisspeltDriver(PushDriver):
            def pushdata(self, config, entity, df, deletes_df=None): ...
        """,
    )

    with pytest.raises(PushError, match="abstract"):
        push(projects.driver_version("misspelt_driver"), read_pulled([{"id": 1}], DataFormat()), "items")


UNSPEAKABLE = """
    from custom_store_pipeline import Pulled

    class Unspeakable(Exception):
        def __str__(self):
            raise ValueError("s3cret")

    class OddDriver:
        def pull_data(self, mapping_config, entity):
            if entity == "unspeakable":
                raise Unspeakable
            if entity == "generator_exit":
                raise GeneratorExit("s3cret")
            if entity == "metadata":
                return Pulled([], metadata={"x": Unspeakable()})
            raise ValueError("y" * 390 + "s3cret" + "z" * 50)
"""


@pytest.mark.parametrize("entity", ["unspeakable", "generator_exit", "metadata", "long"])
def test_no_exception_is_odd_enough_to_show_a_secret(projects: ProjectsFolder, entity: str) -> None:
    projects.driver("odd_driver", UNSPEAKABLE)

    with pytest.raises(PullError) as raised:
        pull(projects.driver_version("odd_driver"), entity)

    assert "s3c" not in str(raised.value)
    assert "s3cret" not in raised.value.driver_traceback.replace('ValueError("s3cret")', "").replace(
        'GeneratorExit("s3cret")', ""
    ).replace('"s3cret" + "z"', "")


def test_a_driver_that_exits_while_it_is_imported_only_fails(projects: ProjectsFolder) -> None:
    projects.driver(
        "exit_driver", "import sys; sys.exit('s3cret')\nclass ExitDriver:\n    def pull_data(self, c, e): ..."
    )

    with pytest.raises(DriverImportError, match="cannot be imported: SystemExit: \\*\\*\\*"):
        pull(projects.driver_version("exit_driver"), "items")


def test_data_that_cannot_be_decoded_names_driver_entity_and_format(projects: ProjectsFolder) -> None:
    projects.driver(
        "wrong_format_driver",
        """
        class WrongFormatDriver:
            def pull_data(self, mapping_config, entity):
                return b"id;s3cret"
        """,
    )
    store = projects.driver_version("wrong_format_driver")

    message = "pull_data of 'shop/wrong_format_driver' for 'items' returned bytes that cannot be read as json: "
    with (
        pytest.raises(PullError, match=message) as raised,
        endpoint(store, "items", DataFormat("json")).pull() as pulled,
    ):
        pulled.stream.joined()
    assert not raised.value.terminal


TAKING_DELETES = {
    "by name only": "def push_data(self, c, e, df, *, deletes_df=None): return {'deletes': len(deletes_df)}",
    "by keywords": "def push_data(self, c, e, df, **more): return {'deletes': len(more['deletes_df'])}",
    "bound in the constructor": "def __init__(self): self.push_data = lambda c, e, df, d: {'deletes': len(d)}",
    "a property": "push_data = property(lambda self: lambda c, e, df, d: {'deletes': len(d)})",
    "by attribute access": "def __getattr__(self, name): return lambda c, e, df, d: {'deletes': len(d)}",
    "decorated": "@with_connection\n    def push_data(self, connection, c, e, df, d): return {'deletes': len(d)}",
}
DECORATOR = """import functools
def with_connection(f):
    @functools.wraps(f)
    def wrapper(self, c, e, df, deletes_df=None):
        return f(self, "connection", c, e, df, deletes_df)
    return wrapper
"""


@pytest.mark.parametrize("method", TAKING_DELETES.values(), ids=TAKING_DELETES.keys())
def test_deletes_reach_drivers_however_they_take_them(projects: ProjectsFolder, method: str) -> None:
    text = f"{DECORATOR}\nclass OddDriver:\n    {method}\n    def close(self): ..."
    projects.driver("odd_driver", text)
    store = projects.driver_version("odd_driver")

    status = push(store, read_pulled(([{"id": 1}], [{"id": 2}]), DataFormat()))

    assert status.metadata == {"deletes": 1}


def test_a_method_that_is_not_there_after_all(projects: ProjectsFolder) -> None:
    projects.driver("odd_driver", "from types import SimpleNamespace as Base\nclass OddDriver(Base): ...")

    with pytest.raises(DriverSignatureError, match="OddDriver of 'shop/odd_driver' has no pull_data; add it"):
        pull(projects.driver_version("odd_driver"), "items")


def test_what_is_left_out_of_a_pull_is_logged_with_the_driver_and_the_entity(
    caplog: pytest.LogCaptureFixture,
) -> None:
    frame = pd.DataFrame({"id": [1]}, [7])

    with open_data(lambda: frame, DataFormat(), "pull_data of 'shop/a' for 'posts'", Redactor([])):
        pass

    assert "pull_data of 'shop/a' for 'posts' returned a DataFrame whose index holds integers" in caplog.text

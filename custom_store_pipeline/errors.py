"""Every exception that this package raises, in one tree.

::

    CustomStoreError                      catch this to catch all of them
    ├── ConfigurationError                a YAML mapping or a setting is wrong; carries all problems found
    │   └── MissingVariableError          a store names ${NAME}, and the environment has no NAME
    ├── DriverError                       something about a driver
    │   ├── DriverNotFoundError           no such project, file or class
    │   ├── DriverSignatureError          a method is missing or takes other arguments
    │   ├── DriverImportError             the driver's module raised while it was imported
    │   ├── DriverChangedError            its file changed between the definitions and their run
    │   └── DriverCallError               one of the driver's methods raised
    │       ├── PullError                 while pulling
    │       │   └── UndecodableDataError  what it returned is not in the mapping's data_format
    │       └── PushError                 while pushing
    ├── ResultError                       what a driver returned cannot be used
    │   ├── UnusableDataError             pull_data or fingerprint returned something else
    │   ├── PushReportedFailureError      push_data returned False, or a status that says "failed"
    │   └── MissingExtraError             a format needs a package of an extra that is not installed
    ├── StateError                        the state between runs is not known, or cannot be stored
    │   ├── WatermarkError                an offset column is missing, or its values have no order
    │   ├── UnusableKeysError             primary keys are missing, null or duplicate
    │   ├── TooManyDeletesError           more would be deleted than max_delete_fraction allows
    │   └── StateStorageError             CUSTOM_STORE_STATE_URL or the disk cannot be read or written
    │       └── DamagedSnapshotError      a key snapshot is there, but cannot be read
    ├── MappingChangedError               a mapping changed during a run of it
    ├── SensorError                       the sensor on config changes cannot do its work
    │   ├── CursorError                   its cursor is not one of its own
    │   └── ReloadError                   the definitions could not be reloaded
    ├── ExistingFileError                 custom-store init or new would overwrite a file
    ├── EntityTimeoutError                an entity ran past the mapping's timeout
    ├── EntitiesFailedError               the summary of a step in which entities failed
    └── TerminalError                     raised by drivers: a retry cannot help

A message says where, what is wrong and what to do. No message holds a secret: whatever raises has redacted it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


class CustomStoreError(Exception):
    """The root of the tree."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in one place of one file.

    Attributes:
        file: the path as shown to the user.
        line: counted from 1; 0 where the file as a whole is meant.
        column: counted from 1; 0 where the file as a whole is meant.
        key: the path of the YAML key, such as ``from.data_format.type``; may be empty.
        message: what is wrong and what to do about it.
    """

    file: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        """``file:line:column: key: message``, without the parts that are not known."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigurationError(CustomStoreError):
    """Mappings or settings are wrong; ``problems`` lists all of them, sorted by place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keeps the problems and makes the message of one line for each."""
        self.problems: Sequence[Problem] = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class MissingVariableError(ConfigurationError):
    """A store's string names an environment variable that is not set when the step runs."""


class DriverError(CustomStoreError):
    """A driver cannot be used, or it raised."""


class DriverNotFoundError(DriverError):
    """The project, the driver file or the class in it is not there."""


class DriverSignatureError(DriverError):
    """A method that is needed is missing, or does not take the arguments it is called with."""


class DriverImportError(DriverError):
    """The driver's module raised while it was imported; ``driver_traceback`` is its own traceback."""

    def __init__(self, message: str, driver_traceback: str) -> None:
        """Keeps the (redacted) traceback beside the message."""
        super().__init__(message)
        self.driver_traceback = driver_traceback


class DriverChangedError(DriverError):
    """The driver on disk is not the one that the definitions of the run were built with."""


class DriverCallError(DriverError):
    """A driver's method raised.

    Attributes:
        driver_traceback: the driver's own traceback with its causes, redacted.
        terminal: True when the driver raised :class:`TerminalError`, which is never retried.
    """

    def __init__(self, message: str, driver_traceback: str = "", *, terminal: bool = False) -> None:
        """Keeps the (redacted) traceback and whether a retry can help."""
        super().__init__(message)
        self.driver_traceback = driver_traceback
        self.terminal = terminal


class PullError(DriverCallError):
    """``pull_data``, or the iterator that it returned, raised."""


class UndecodableDataError(PullError):
    """What ``pull_data`` returned is not in the ``data_format``; retried, because it may have been cut off."""


class PushError(DriverCallError):
    """``push_data`` or ``push_chunks`` raised."""


class ResultError(CustomStoreError):
    """What a driver returned cannot be used."""


class UnusableDataError(ResultError):
    """``pull_data`` returned something that is not data, or ``fingerprint`` something that is not a fingerprint."""


class PushReportedFailureError(ResultError):
    """``push_data`` returned a status that says that it failed."""


class MissingExtraError(ResultError):
    """A data format needs a package that belongs to an extra that is not installed."""


class StateError(CustomStoreError):
    """The state of an entity is not known, or cannot be used or stored."""


class WatermarkError(StateError):
    """An offset column is missing, its values have no order, or they cannot be stored."""


class UnusableKeysError(StateError):
    """Deletions are to be found, and the primary keys are missing, null, duplicate or not comparable."""


class TooManyDeletesError(StateError):
    """More of the known keys would be deleted than ``max_delete_fraction`` allows."""


class StateStorageError(StateError):
    """``CUSTOM_STORE_STATE_URL``, or the disk, cannot be read or written."""


class DamagedSnapshotError(StateStorageError):
    """A key snapshot is there, but is not what was written; ``path`` is its local file."""

    def __init__(self, path: Path, reason: str) -> None:
        """Keeps the path beside the message."""
        super().__init__(f"{path} is damaged ({reason})")
        self.path = path
        self.reason = reason


class MappingChangedError(CustomStoreError):
    """A step has another version of a mapping, or of its drivers, than its run began with."""


class SensorError(CustomStoreError):
    """The sensor on config changes cannot do its work."""


class CursorError(SensorError):
    """The sensor's cursor is not one of its own."""


class ReloadError(SensorError):
    """The definitions could not be reloaded."""


class ExistingFileError(CustomStoreError):
    """A file that is to be written new is there already."""


class EntityTimeoutError(CustomStoreError):
    """An entity took longer than its mapping's ``timeout``."""


class EntitiesFailedError(CustomStoreError):
    """The summary of a step: each failed entity with its reason, a line each."""


class TerminalError(CustomStoreError):
    """Raised by a driver when a retry cannot help (wrong password, no such table)."""


def near(word: str, options: Iterable[str], most: int = 1) -> list[str]:
    """The options most like a word, the nearest first."""
    return difflib.get_close_matches(word, list(options), n=most)


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the option most like the word, or an empty string."""
    found = near(word, options)
    return f"; did you mean '{found[0]}'?" if found else ""


def incompatible_dagster(error: ImportError) -> ImportError:
    """What to raise where this version of Dagster lacks something private that this package uses."""
    from importlib.metadata import version  # takes a tenth of the time that `custom-store validate` may take

    return ImportError(
        f"Dagster {version('dagster')} lacks something private that custom-store-pipeline needs ({error}); install the "
        "two in versions that go together: pip install --upgrade custom-store-pipeline dagster"
    )

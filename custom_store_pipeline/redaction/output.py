"""What drivers print or log is redacted before Dagster captures it.

Covers ``sys.stdout``, ``sys.stderr`` (their ``buffer`` too) and ``logging``; what is written to the file descriptors by
other means, such as a subprocess, is not seen.

Streams and loggers outlive a step: a driver's module keeps the stream that it found. So what is put in their place
knows no secrets; it asks for those of the process each time.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from custom_store_pipeline.redaction.redactor import Redactor, joined


class ProcessSecrets:
    """The secrets of what is at work in this process now.

    Attributes:
        redactor: masks all of them; None if nothing is at work.
    """

    def __init__(self) -> None:
        self.redactor: Redactor | None = None
        self._lock = threading.Lock()
        self._at_work: list[Redactor] = []
        self._make_record: Callable[..., logging.LogRecord] | None = None
        self._make_record_before: Callable[..., logging.LogRecord] = logging.LogRecord

    def add(self, redactor: Redactor) -> None:
        """From now on these are secrets, too."""
        with self._lock:
            self._at_work.append(redactor)
            self.redactor = joined(self._at_work)
            self._take_over()

    def remove(self, redactor: Redactor) -> None:
        """Undoes ``add``; output is as it was when nothing is left at work."""
        with self._lock:
            self._at_work = _without(self._at_work, redactor)
            self.redactor = joined(self._at_work)
            if not self._at_work:
                self._hand_back()

    def _take_over(self) -> None:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None and not isinstance(stream, _RedactedStream):
                setattr(sys, name, _RedactedStream(stream))
        if logging.getLogRecordFactory() is not self._make_record:
            self._make_record_before = logging.getLogRecordFactory()
            self._make_record = _redacting(self._make_record_before)
            logging.setLogRecordFactory(self._make_record)

    def _hand_back(self) -> None:
        """What somebody else has put in the place of ours stays; ours below it lets everything through."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if isinstance(stream, _RedactedStream):
                setattr(sys, name, stream.original)
        if logging.getLogRecordFactory() is self._make_record:
            logging.setLogRecordFactory(self._make_record_before)


PROCESS = ProcessSecrets()


@contextlib.contextmanager
def redacted_output(redactor: Redactor) -> Iterator[Callable[[], None]]:
    """Redacts what drivers print or log while this is open; several may be open at a time.

    Yields:
        A function to call when a driver's thread is orphaned: it may still print, so redaction stays until the
        process ends.
    """
    stays = False

    def stay() -> None:
        nonlocal stays
        stays = True

    PROCESS.add(redactor)
    try:
        yield stay
    finally:
        if not stays:
            PROCESS.remove(redactor)


def _without(redactors: list[Redactor], one: Redactor) -> list[Redactor]:
    """The same redactor may be at work twice; one of them ends."""
    index = next(index for index, redactor in enumerate(redactors) if redactor is one)
    return redactors[:index] + redactors[index + 1 :]


def _redacting(make_record: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    def make_redacted_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make_record(*args, **kwargs)
        redactor = PROCESS.redactor
        if redactor is None:
            return record
        try:
            record.msg, record.args = redactor.text(record.getMessage()), ()
        except Exception:  # a malformed logging call; logging itself prints a notice and continues
            record.msg, record.args = redactor.text(f"{record.msg} {record.args}"), ()
        if record.exc_info and record.exc_info[0]:
            record.exc_text = redactor.text("".join(traceback.format_exception(*record.exc_info)).rstrip())
            record.exc_info = None
        return record

    return make_redacted_record


class _RedactedStream:
    """A text stream, or the bytes below it, that redacts what is written, and is the original in everything else."""

    def __init__(self, stream: Any) -> None:
        self.original = stream

    def write(self, data: Any) -> int:
        redactor = PROCESS.redactor
        if redactor is None:
            self.original.write(data)
        elif isinstance(data, str):
            self.original.write(redactor.text(data))
        else:
            text = bytes(data).decode("utf-8", "surrogateescape")
            self.original.write(redactor.text(text).encode("utf-8", "surrogateescape"))
        return len(data)

    def writelines(self, lines: Iterable[Any]) -> None:
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> _RedactedStream:
        return _RedactedStream(self.original.buffer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

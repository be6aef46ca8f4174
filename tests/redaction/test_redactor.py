"""Secrets are taken out of whatever drivers say."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import subprocess
import sys
import textwrap
import urllib.parse

import pytest

from custom_store_pipeline.redaction import Redactor, passwords_in_urls, redacted_output

SECRET = "p@ss/w\"ö'rd\\1"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote(SECRET),
        urllib.parse.quote(SECRET, safe="").replace("%2F", "%2f").replace("%C3", "%c3"),
        urllib.parse.quote_plus(SECRET),
        repr(SECRET),
        repr(SECRET.encode()),
        json.dumps(SECRET),
        html.escape(SECRET),
        SECRET.replace("'", "''"),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_all_its_forms(form: str) -> None:
    redacted = Redactor([SECRET]).text(f"before {form} after")

    assert "***" in redacted
    assert "ss" not in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")


def test_longer_secrets_are_masked_first() -> None:
    assert Redactor(["abcd", "abcdefgh"]).text("abcdefgh abcd") == "*** ***"


def test_a_short_secret_is_masked_only_where_it_is_alone() -> None:
    assert Redactor(["dev"]).text("dev of devices, x=dev") == "*** of devices, x=***"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("postgres://ann:s3cret@host/db", "postgres://ann:***@host/db"),
        ("see https://:s3cret@host and ftp://a:b@c", "see https://:***@host and ftp://a:***@c"),
        ("http://localhost:8000/x@y", "http://localhost:8000/x@y"),
        ("12:30@home", "12:30@home"),
        ("postgres://ann:p@ss@host/db", "postgres://ann:***@host/db"),
    ],
)
def test_passwords_of_urls_are_masked_even_if_nobody_said_that_they_are_secret(text: str, redacted: str) -> None:
    assert Redactor().text(text) == redacted


def test_the_parts_of_a_secret_url_are_secret_too() -> None:
    url = "https://ann:pa%24%24word@host/x?sig=0123456789abcdef&v=1"

    redacted = Redactor([url]).text("pa%24%24word, pa$$word, 0123456789abcdef, v=1")

    assert redacted == "***, ***, ***, v=1"


def test_a_secret_of_several_lines_is_masked_line_by_line() -> None:
    key = "-----BEGIN KEY-----\nabcdefghijkl\nmnopqrstuvwx\n-----END KEY-----\n"

    assert Redactor([key]).text(f"bad line: mnopqrstuvwx in {key!r}") == "bad line: *** in '***'"


def test_values_are_redacted_wherever_a_string_is() -> None:
    value = {"a": ["x s3cret", 1, None], "s3cret": {"b": True}, "number": 12345678}

    redacted = Redactor(["s3cret", "12345678"]).value(value)

    assert redacted == {"a": ["x ***", 1, None], "***": {"b": True}, "number": "***"}


def test_passwords_are_found_anywhere_in_a_stores_settings() -> None:
    assert passwords_in_urls({"args": {"url": "x://u:p%40ss@h", "list": ["y://u:other@h", 3]}}) == {
        "p%40ss", "p@ss", "other"
    }  # fmt: skip


def test_prints_and_logs_of_drivers_are_redacted(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with redacted_output(Redactor(["s3cret"])):
        print("printed s3cret")
        sys.stderr.write("written s3cret\n")
        logging.getLogger("some.library").warning("logged %s", "s3cret")
        try:
            raise ValueError("raised s3cret")
        except ValueError:
            logging.getLogger("some.library").exception("failed")

    output = capsys.readouterr()
    assert output.out == "printed ***\n"
    assert "written ***\n" in output.err
    assert "logged ***" in caplog.text
    assert "ValueError: raised ***" in caplog.text
    assert "s3cret" not in output.out + output.err + caplog.text


def test_afterwards_output_is_what_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    with redacted_output(Redactor(["s3cret"])):
        pass
    print("s3cret")

    assert capsys.readouterr().out == "s3cret\n"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://user:p@ssw0rd!@h/db", "p@ssw0rd!"),
        ("postgresql://user:pa/ssw0rd@h/db", "pa/ssw0rd"),
        ("https://ghp_0123456789@github.com", "ghp_0123456789"),
        ("https://ann:s3cretpw@host", "Basic " + base64.b64encode(b"ann:s3cretpw").decode()),
    ],
)
def test_what_is_secret_in_a_url_of_the_environment(url: str, said: str) -> None:
    assert Redactor([url]).text(said).removeprefix("Basic ").rstrip("=") == "***"


def test_a_slash_in_the_password_of_a_literal_url_is_no_way_out() -> None:
    assert passwords_in_urls("postgresql://u:pa/ss@h/db") == {"pa/ss"}
    assert passwords_in_urls("http://localhost:8000/x@y") == set()


def test_small_numbers_of_the_environment_are_no_secrets() -> None:
    redactor = Redactor(["100", "8000"])

    assert redactor.value({"rows": 100, "text": "port 8000"}) == {"rows": 100, "text": "port 8000"}


def test_a_malformed_logging_call_is_the_drivers_business(caplog: pytest.LogCaptureFixture) -> None:
    with redacted_output(Redactor(["s3cret"])):
        logging.getLogger("some.library").warning("%d rows of", "s3cret")

    assert "%d rows of ('***',)" in caplog.text


def test_bytes_are_redacted_too(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with redacted_output(Redactor(["s3cret"])):
        sys.stdout.buffer.write("ä s3cret\n".encode())
        sys.stdout.buffer.flush()

    assert capfdbinary.readouterr().out == "ä ***\n".encode()


def test_redaction_stays_where_a_thread_is_orphaned() -> None:
    code = """
        from custom_store_pipeline.redaction import Redactor, redacted_output

        with redacted_output(Redactor(["s3cret"])) as until_the_end:
            until_the_end()
        print("later s3cret")
    """

    # A process of its own: there is no way back from this.
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)

    assert done.stdout == "later ***\n"


def test_a_stream_that_somebody_kept_masks_the_secrets_of_later_steps(capsys: pytest.CaptureFixture[str]) -> None:
    # As loguru does with sys.stderr when a driver imports it in the first step.
    with redacted_output(Redactor(["first"])):
        kept = sys.stdout
    kept.write("first between steps\n")
    with redacted_output(Redactor(["second"])):
        kept.write("first, second\n")

    assert capsys.readouterr().out == "first between steps\nfirst, ***\n"


def test_a_log_handler_that_was_made_in_an_earlier_step_masks_later_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    with redacted_output(Redactor(["first"])):
        handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s %(token)s"))
    with redacted_output(Redactor(["second"])):
        handler.emit(logging.makeLogRecord({"msg": "second", "token": "second"}))

    assert capsys.readouterr().err == "*** ***\n"


def test_redactions_that_overlap_end_in_any_order(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr, logging.getLogRecordFactory()
    first, second = redacted_output(Redactor(["s3cret"])), redacted_output(Redactor(["other"]))

    first.__enter__()
    second.__enter__()
    print("both: s3cret other")
    first.__exit__(None, None, None)
    print("second: s3cret other")
    second.__exit__(None, None, None)
    print("none: s3cret other")

    assert capsys.readouterr().out == "both: *** ***\nsecond: s3cret ***\nnone: s3cret other\n"
    assert (sys.stdout, sys.stderr, logging.getLogRecordFactory()) == before


def test_the_same_secrets_in_two_redactions_are_masked_until_both_have_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with redacted_output(Redactor(["s3cret"])):
        with redacted_output(Redactor(["s3cret"])):
            pass
        print("s3cret")

    assert capsys.readouterr().out == "***\n"


def test_what_somebody_puts_in_the_place_of_the_stream_stays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    own = io.StringIO()
    with redacted_output(Redactor(["s3cret"])):
        sys.stdout = own

    assert sys.stdout is own


def test_a_long_secret_is_masked_in_any_part_of_some_length() -> None:
    secret = "".join(f"{number:x}!" for number in range(10_000, 11_000))

    assert Redactor([secret]).text(f"<{secret}>") == "<***>"
    assert "***" in Redactor([secret]).text(f"<{secret[:600]}…")


@pytest.mark.parametrize("piece", ["a-", "a.", "http://", "a://b:", "x" * 50 + "\n"])
def test_long_texts_are_no_trap(piece: str) -> None:
    # With a search that is quadratic this takes hours, far beyond the timeout of a test.
    assert Redactor(["s3cret"]).text(piece * 500_000) == piece * 500_000

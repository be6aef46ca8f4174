"""A planted secret is found nowhere: not in the output, not in anything that Dagster stores."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.world.projects_folder import ProjectsFolder

SECRET = "Tr0ub4dor-and-3"
URL_PASSWORD = "c0rrect-h0rse"
LITERAL = "b4ttery-staple"

DRIVER = f"""
    import logging
    import sys
    import urllib.parse
    import warnings
    from custom_store_pipeline import Pulled

    class LeakyStoreDriver:
        def pull_data(self, mapping_config, entity):
            token = mapping_config["args"]["token"]
            url = mapping_config["args"]["url"]
            password = urllib.parse.urlsplit(url).password
            print("printed", token, url)
            print("to stderr", token, file=sys.stderr)
            logging.getLogger("leaky").error("logged %s", token)
            warnings.warn(f"warned {{token}}")
            if entity == "raises":
                raise ValueError(f"bad token {{token}}")
            if entity == "chained":
                try:
                    raise KeyError(f"inner {{token}}")
                except KeyError as error:
                    raise RuntimeError(f"outer {{token}} at {{url}}") from error
            if entity == "in_context":
                try:
                    raise KeyError(f"inner {{token}}")
                except KeyError:
                    raise RuntimeError(f"outer {{password}}")
            if entity == "url":
                raise OSError(f"cannot connect to {{url}} with {{password}}")
            if entity == "literal":
                raise OSError(f"cannot connect to {{mapping_config['args']['literal']}}, {LITERAL}")
            if entity == "noted":
                error = ValueError("see the note")
                error.add_note(f"the token was {{token}}")
                raise error
            if entity == "chunks":
                return self.chunks(token)
            return Pulled([{{"id": 1}}], metadata={{"used": token, token: [url]}})

        def chunks(self, token):
            yield [{{"id": 1}}]
            raise ValueError(f"page of {{token}}")

        def push_data(self, config, entity, df, deletes_df=None):
            token = config["args"]["token"]
            if entity == "failed_status":
                return {{"success": False, "why": f"refused {{token}}"}}
            return {{"connected_with": token, "nested": {{"a": [token]}}}}
"""

MAPPING = f"""
    mappings:
      - mapping:
          from:
            store:
              file_name: leaky_store_driver
              name: source
              args:
                token: ${{TOKEN}}
                url: ${{URL}}
                literal: "ftp://ann:{LITERAL}@example.org"
            entity:
              include: [arrives, raises, chained, in_context, url, literal, noted, chunks, failed_status]
          to: {{file_name: leaky_store_driver, name: target, args: {{token: "${{TOKEN}}"}}}}
          retries: {{max_attempts: 2, delay: 0}}
"""


def everything_below(folder: Path) -> bytes:
    """All files, and what SQLite's files hold, which may be spread over pages."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            found.append(path.read_bytes())
            if found[-1].startswith(b"SQLite format 3"):
                with sqlite3.connect(path) as connection:
                    found.append("\n".join(connection.iterdump()).encode())
    return b"\n".join(found)


def test_a_planted_secret_is_found_nowhere(projects: ProjectsFolder) -> None:
    projects.driver("leaky_store_driver", DRIVER)
    projects.mapping(MAPPING)

    done = projects.materialize_by_cli(TOKEN=SECRET, URL=f"postgres://ann:{URL_PASSWORD}@localhost/db")

    assert done.returncode == 1
    output = done.stdout + done.stderr
    stored = everything_below(projects.home)
    for secret in (SECRET, URL_PASSWORD, LITERAL):
        assert secret not in output
        assert secret.encode() not in stored
    # What they say is there all the same.
    assert "8 of 9 entities failed" in output
    for shown in ("bad token ***", "KeyError: 'inner ***'", "outer ***", "cannot connect to ***", "the token was ***"):
        assert shown in output, shown
        assert shown.encode() in stored, shown
    assert "returned a failed status (success: False, why: refused ***)" in output
    assert "printed *** ***" in output
    assert "ftp://ann:***@example.org" in output
    assert "warned ***" in output


def test_a_missing_variable_is_named_with_its_place_and_fails_only_its_entities(projects: ProjectsFolder) -> None:
    projects.driver("leaky_store_driver", DRIVER)
    projects.mapping(MAPPING)

    run = projects.materialize("shop/target/arrives")

    place = "projects/shop/mappings/items.yaml:9:20: from.store.args.token"
    assert f"{place}: the environment variable TOKEN is not set; set it, or give it a default" in run.summary
    assert "projects/shop/mappings/items.yaml:10:18: from.store.args.url: the environment variable URL" in run.summary


def test_no_definition_holds_a_secret(projects: ProjectsFolder, monkeypatch) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    projects.driver("leaky_store_driver", DRIVER)
    projects.mapping(MAPPING)
    repository = projects.definitions().get_repository_def()

    from dagster._core.remote_representation.external_data import RepositorySnap
    from dagster._serdes import serialize_value

    snapshot = serialize_value(RepositorySnap.from_def(repository))

    assert SECRET not in snapshot
    assert LITERAL not in snapshot

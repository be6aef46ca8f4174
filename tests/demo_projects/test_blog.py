"""The project that people copy from: a REST API, for real over HTTP, into SQLite."""

from __future__ import annotations

import importlib.util
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from tests.world.projects_folder import CHECKOUT, ProjectsFolder


@pytest.fixture
def api() -> Iterator[type]:
    spec = importlib.util.spec_from_file_location("demo_api", CHECKOUT / "projects/blog/demo_api.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server = ThreadingHTTPServer(("127.0.0.1", 0), module.BlogApi)
    module.BlogApi.url = f"http://127.0.0.1:{server.server_port}"
    module.BlogApi.tables = module.TABLES
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield module.BlogApi
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def blog(projects: ProjectsFolder, api: type, monkeypatch: pytest.MonkeyPatch) -> ProjectsFolder:
    shutil.copytree(CHECKOUT / "projects/blog", projects.path / "blog")
    monkeypatch.setenv("BLOG_URL", api.url)
    monkeypatch.setenv("BLOG_TOKEN", "blog-s3cret")
    return projects


def table(projects: ProjectsFolder, name: str) -> list[dict]:
    with sqlite3.connect(projects.root / "data/blog.db") as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY id")]


def test_all_pages_of_all_entities_arrive_past_every_429(blog: ProjectsFolder, api: type) -> None:
    run = blog.materialize()

    assert run.success, run.summary
    for name in ("posts", "comments", "users"):
        assert table(blog, name) == api.tables[name]
    assert run.metadata["blog/blog_db/posts"]["dagster/row_count"] == 250
    assert run.metadata["blog/blog_db/posts"]["chunks"] == 3
    assert api.requests > 12  # 3 + 5 + 1 pages, an empty one each, and those that were answered with 429


def test_a_second_run_replaces_rows_by_their_key(blog: ProjectsFolder, api: type) -> None:
    blog.materialize()
    api.tables["users"][0]["name"] = "Renamed"
    api.tables["users"].append({"id": 11, "name": "User 11", "boss_id": 1})

    assert blog.materialize("blog/blog_db/users").success

    assert table(blog, "users") == api.tables["users"]


def test_a_wrong_token_is_not_retried(blog: ProjectsFolder, api: type, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = blog.path / "blog/custom_store_driver/api_store_driver.py"
    driver.write_text(driver.read_text().replace("Bearer", "Basic"))

    run = blog.materialize("blog/blog_db/users")

    assert "raised TerminalError: GET /users answered 401 Unauthorized (api_store_driver.py:" in run.summary
    assert api.requests == 1


def test_without_a_token_the_message_says_where_it_belongs(
    blog: ProjectsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BLOG_TOKEN")

    run = blog.materialize("blog/blog_db/users")

    assert "projects/blog/mappings/posts.yaml:11:20: from.store.args.token: the environment variable BLOG_TOKEN" in (
        run.summary
    )

"""The contract that every driver keeps, on the API of demo_api.py: docs/testing.md."""

import contextlib
import importlib.util
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from custom_store_pipeline.testing import DriverContract


class TestApiStoreDriver(DriverContract):
    driver = "blog/api_store_driver"
    entity = "users"
    primary_keys = ("id",)

    @pytest.fixture(autouse=True)
    def api(self):
        with demo_api() as url:
            self.url = url
            yield

    def store(self, folder):
        return {"args": {"base_url": self.url, "token": "blog-s3cret"}}


@contextlib.contextmanager
def demo_api():
    """The demo's API, on a port of its own."""
    spec = importlib.util.spec_from_file_location("demo_api", Path(__file__).parents[1] / "demo_api.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server = ThreadingHTTPServer(("127.0.0.1", 0), module.BlogApi)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

"""The contract that every driver keeps: docs/testing.md."""

from custom_store_pipeline.testing import DriverContract


class TestDuckdbStoreDriver(DriverContract):
    driver = "flights/duckdb_store_driver"

    def store(self, folder):
        return {"args": {"path": f"{folder}/contract.duckdb"}}

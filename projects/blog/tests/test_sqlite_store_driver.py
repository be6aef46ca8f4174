"""The contract that every driver keeps: docs/testing.md."""

from custom_store_pipeline.testing import DriverContract


class TestSqliteStoreDriver(DriverContract):
    driver = "blog/sqlite_store_driver"

    def store(self, folder):
        return {"args": {"path": f"{folder}/contract.db"}}

"""The contract that every driver keeps; `custom-store test shop/duckdb_store_driver` runs it."""

from custom_store_pipeline.testing import DriverContract


class TestDuckdbStoreDriver(DriverContract):
    driver = "shop/duckdb_store_driver"

    def store(self, folder):
        """The settings of a store that the checks may do anything with; folder is an empty one."""
        return {"args": {"path": f"{folder}/contract.duckdb"}}

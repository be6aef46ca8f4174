"""The contract that every driver keeps: docs/testing.md."""

from custom_store_pipeline.testing import DriverContract


class TestNycflightsStoreDriver(DriverContract):
    driver = "flights/nycflights_store_driver"
    entity = "airlines"
    primary_keys = ("carrier",)
    data_format = {"type": "csv"}

    def store(self, folder):
        return {}

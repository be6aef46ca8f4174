"""The contract that every driver keeps; `custom-store test shop/files_store_driver` runs it."""

from custom_store_pipeline.testing import DriverContract


class TestFilesStoreDriver(DriverContract):
    driver = "shop/files_store_driver"
    entity = "orders"
    primary_keys = ("id",)
    data_format = {"type": "csv"}

    def store(self, folder):
        """The settings of a store to read from; folder is an empty one."""
        (folder / "orders.csv").write_text("id,customer_id,amount\n1,7,19.50\n2,8,4.25\n")
        return {"args": {"folder": str(folder)}}

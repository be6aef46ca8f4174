"""The contract that every driver keeps; `custom-store test PROJECT/FILE_NAME` runs it."""

from custom_store_pipeline.testing import DriverContract


class TestCLASS_NAME(DriverContract):
    driver = "PROJECT/FILE_NAME"

    # For a source: an entity of the store that can be pulled.
    # entity = "orders"
    # primary_keys = ("id",)
    # data_format = {"type": "csv"}

    def store(self, folder):
        """The settings of a store that the checks may do anything with; folder is an empty one."""
        return {"args": {"path": f"{folder}/contract"}}

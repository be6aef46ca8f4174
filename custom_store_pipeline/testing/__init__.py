"""The contract kit: what every driver must do, as checks that its author runs.

In a test file::

    from custom_store_pipeline.testing import DriverContract

    class TestOrdersStoreDriver(DriverContract):
        driver = "shop/orders_store_driver"

        def store(self, folder):
            return {"args": {"path": f"{folder}/orders.db"}}

``custom-store test shop/orders_store_driver`` runs the same checks without pytest.
"""

from custom_store_pipeline.testing.contract import DriverContract

__all__ = ["DriverContract"]

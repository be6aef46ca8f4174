"""Entities that are small, and slow to come: what many in-house APIs are like."""

import time

import pandas as pd

from .clock import arrived


class SlowStoreDriver:
    """Ten rows after `args: {latency: …}` seconds; what is pushed is noted by its digest."""

    def pull_data(self, mapping_config, entity):
        """Ten rows of the entity."""
        time.sleep(float(mapping_config["args"]["latency"]))
        return pd.DataFrame({"id": range(10), "entity": [entity] * 10})

    def push_data(self, config, entity, df, deletes_df=None):
        """Notes what has arrived."""
        arrived(config["args"]["folder"], entity, [len(df), int(df["id"].sum()), sorted(set(df["entity"]))])
        return True

"""A target to write."""


class PushStoreDriver:
    """A target. `args` in the mapping says where it is."""

    def push_data(self, config, entity, df, deletes_df=None):
        """Writes the rows of an entity as `write_mode` says, and deletes those of deletes_df; True when all is done."""
        args, mode, keys = config["args"], config["write_mode"], config["primary_keys"]
        raise NotImplementedError(f"push {len(df)} rows of {entity} to {args} by {mode} with the keys {keys}")

"""A source and target to write."""


class BothStoreDriver:
    """A source and a target. `args` in the mapping says where it is."""

    def pull_data(self, mapping_config, entity):
        """The rows of an entity: a DataFrame, Arrow, a list of dicts, bytes, a path, or a generator of any of these."""
        args = mapping_config["args"]
        raise NotImplementedError(f"pull {entity} from {args}")

    def push_data(self, config, entity, df, deletes_df=None):
        """Writes the rows of an entity as `write_mode` says, and deletes those of deletes_df; True when all is done."""
        args, mode, keys = config["args"], config["write_mode"], config["primary_keys"]
        raise NotImplementedError(f"push {len(df)} rows of {entity} to {args} by {mode} with the keys {keys}")

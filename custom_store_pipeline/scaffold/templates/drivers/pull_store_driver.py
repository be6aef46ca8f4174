"""A source to write."""


class PullStoreDriver:
    """A source. `args` in the mapping says where it is."""

    def pull_data(self, mapping_config, entity):
        """The rows of an entity: a DataFrame, Arrow, a list of dicts, bytes, a path, or a generator of any of these."""
        args = mapping_config["args"]
        raise NotImplementedError(f"pull {entity} from {args}")

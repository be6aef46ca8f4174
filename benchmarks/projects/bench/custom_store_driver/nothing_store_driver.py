"""A sink that keeps nothing but a digest."""

from .clock import arrived, end
from .pieces import push_pieces


class NothingStoreDriver:
    """Adds up what it is given, which is all that it takes."""

    def __init__(self):
        self.digest = {}

    def push_data(self, config, entity, df, deletes_df=None):
        """Takes everything at once."""
        return push_pieces(self, config, entity, [df])

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        """Takes everything chunk by chunk."""
        return push_pieces(self, config, entity, chunks)

    def write(self, config, entity, df):
        """Takes a piece."""
        for name in df.columns:
            column = df[name]
            if column.dtype.kind in "OU" or str(column.dtype).startswith("str"):
                column = column.str.len()
            elif column.dtype.kind == "M":
                column = column.astype("int64")
            known = self.digest.setdefault(name, [0, 0, 0])
            self.digest[name] = [known[0] + len(column), known[1] + int(column.count()), known[2] + int(column.sum())]

    def finish(self, config, entity):
        """Says that all is there."""
        end(config["args"]["folder"])
        arrived(config["args"]["folder"], entity, self.digest)

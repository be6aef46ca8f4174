"""PostgreSQL by ADBC, which moves binary COPY from and to Arrow."""

from contextlib import closing

import adbc_driver_postgresql.dbapi as postgresql

from .clock import arrived, begin, end


class PostgresStoreDriver:
    """A server at `args.uri`; writes by COPY into a staging table, and upserts from there."""

    def pull_data(self, mapping_config, entity):
        """The rows that are newer than the watermark."""
        args = mapping_config["args"]
        begin(args["folder"])
        self.connection = postgresql.connect(args["uri"])
        self.cursor = self.connection.cursor()  # the stream ends with it
        since = mapping_config.get("offset", {}).get("values", {}).get("changed")
        self.cursor.execute(
            f"SELECT * FROM {args['schema']}.{entity}" + (f" WHERE changed > '{since}'" if since else "")
        )
        return self.cursor.fetch_record_batch()

    def push_arrow(self, config, entity, reader, deletes=None):
        """One transaction: staging table, upsert, deletions."""
        args = config["args"]
        names = reader.schema.names
        updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in names if name != "id")
        # A numeric comes as text, json without its type: the target's columns say what they are.
        casts = ", ".join(f"CAST({name} AS {args['types'].get(name, 'text')}) AS {name}" for name in names)
        with closing(postgresql.connect(args["uri"])) as connection, closing(connection.cursor()) as cursor:
            cursor.adbc_ingest("staged", reader, mode="create", temporary=True)
            cursor.execute(
                f"INSERT INTO {args['schema']}.{entity} SELECT {casts} FROM staged "
                f"ON CONFLICT (id) DO UPDATE SET {updates}"
            )
            if deletes is not None:
                cursor.adbc_ingest("gone", deletes, mode="create", temporary=True)
                cursor.execute(f"DELETE FROM {args['schema']}.{entity} WHERE id IN (SELECT id FROM gone)")
            connection.commit()
            end(args["folder"])
        what_arrived(config, entity)
        return True

    def close(self):
        """Closes the source's connection."""
        if hasattr(self, "connection"):
            self.cursor.close()
            self.connection.close()


def what_arrived(config, entity):
    """Tells what is in the target, with the clock stopped."""
    args = config["args"]
    with closing(postgresql.connect(args["uri"])) as connection, closing(connection.cursor()) as cursor:
        table = f"{args['schema']}.{entity}"
        cursor.execute(f"SELECT count(*), sum(id)::text, sum(amount)::text, max(changed)::text FROM {table}")
        arrived(args["folder"], entity, cursor.fetchone())

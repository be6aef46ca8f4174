"""Drivers that are broken in one place. The docstring of each begins with the check that must catch it.

A test writes each of them into a file of its own, behind the good driver.
"""

import contextlib
import datetime
import decimal
import re
import time
from pathlib import Path

import pandas as pd

from tests.testing.zoo.good_store_driver import GoodStoreDriver, quoted, stored_rows


class DemandingStoreDriver(GoodStoreDriver):
    """the_constructor_takes_no_arguments: nobody gives it a path."""

    def __init__(self, *paths):
        self.path = paths[0]
        super().__init__()


class ShortSignatureStoreDriver(GoodStoreDriver):
    """methods_take_what_they_are_called_with: pull_keys takes no entity."""

    def pull_keys(self, mapping_config):
        return []


class BoastfulStoreDriver(GoodStoreDriver):
    """capabilities_are_known: a capability that is misspelled."""

    capabilities = {"overwrite", "append", "upsert", "deletes", "idempotent_apend"}


class UnguardedCloseStoreDriver(GoodStoreDriver):
    """an_unused_object_can_be_closed: it closes what it never opened."""

    def close(self):
        self.connection.close()


class StubbornCloseStoreDriver(GoodStoreDriver):
    """close_works_after_a_failed_push: it wants to commit what has failed."""

    def write(self, config, entity, df):
        self.half_done = not isinstance(df, pd.DataFrame)
        super().write(config, entity, df)

    def close(self):
        super().close()
        if getattr(self, "half_done", False):
            raise ValueError("the push has not ended")


class MeddlingStoreDriver(GoodStoreDriver):
    """the_config_is_not_changed: it takes a key out of its config."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        found = super().push_chunks(config, entity, chunks, deletes_df)
        config.pop("write_mode")
        return found


class SharingStoreDriver(GoodStoreDriver):
    """two_objects_can_work_at_once: the entity stands in the class, where another thread changes it."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        SharingStoreDriver.entity = entity
        time.sleep(0.01)
        return super().push_chunks(config, SharingStoreDriver.entity, chunks, deletes_df)


class TalkativeStoreDriver(GoodStoreDriver):
    """its_repr_hides_the_config: it shows its config."""

    def open(self, config):
        self.config = config
        super().open(config)

    def __repr__(self):
        return f"TalkativeStoreDriver({getattr(self, 'config', None)})"


class IndiscreetStoreDriver(GoodStoreDriver):
    """its_messages_hide_the_config: an error shows the whole config."""

    def pull_data(self, mapping_config, entity):
        self.open(mapping_config)
        if not self.columns(entity):
            raise ValueError(f"no {entity} with {mapping_config}")
        yield from super().pull_data(mapping_config, entity)


class PessimisticStoreDriver(GoodStoreDriver):
    """its_own_check_passes: its check fails on a store that works."""

    def check(self, config):
        return False


class NothingStoreDriver(GoodStoreDriver):
    """pull_returns_data: it returns a row, not rows."""

    def pull_data(self, mapping_config, entity):
        return next(super().pull_data(mapping_config, entity)).to_dict("list")


class OnceStoreDriver(GoodStoreDriver):
    """pull_returns_the_same_rows_again: what was pulled once is not pulled again."""

    def pull_data(self, mapping_config, entity):
        for frame in super().pull_data(mapping_config, entity):
            count = self.connection.execute("SELECT count(*) FROM keys WHERE key = ?", [f"pulled {entity}"]).fetchone()
            self.connection.execute("INSERT OR IGNORE INTO keys VALUES (?, ?)", [entity, f"pulled {entity}"])
            yield frame[: 0 if count[0] else None]


class EasygoingStoreDriver(GoodStoreDriver):
    """pull_of_an_unknown_entity_fails: an entity that is not there is an empty table."""

    def pull_data(self, mapping_config, entity):
        self.open(mapping_config)
        if not self.columns(entity):
            yield pd.DataFrame()
        else:
            yield from super().pull_data(mapping_config, entity)


class InsistentStoreDriver(GoodStoreDriver):
    """pull_can_be_given_up: its generator wants to be read to its end."""

    def pull_data(self, mapping_config, entity):
        for frame in super().pull_data(mapping_config, entity):
            try:
                yield frame
            except GeneratorExit:
                raise ValueError("not all chunks were read") from None


class FewKeysStoreDriver(GoodStoreDriver):
    """pull_keys_returns_the_keys_of_all_rows: the last key is missing."""

    def pull_keys(self, mapping_config, entity):
        for frame in super().pull_keys(mapping_config, entity):
            yield frame[:-1]


class RestlessStoreDriver(GoodStoreDriver):
    """fingerprint_stays_while_nothing_changes: it is the time."""

    def fingerprint(self, config, entity):
        return str(time.time_ns())


class ForgetfulListStoreDriver(GoodStoreDriver):
    """listed_entities_can_be_pulled: it lists nothing."""

    def list_entities(self, config):
        return []


class LaggingStoreDriver(GoodStoreDriver):
    """incremental_pull_returns_what_is_new: it returns what is old."""

    def pull_data(self, mapping_config, entity):
        values = mapping_config["offset"]["values"]
        for frame in super().pull_data({**mapping_config, "offset": {"values": {}}}, entity):
            for column, reached in values.items():
                frame = frame[frame[column] < reached]
            yield frame


class SilentStoreDriver(GoodStoreDriver):
    """push_returns_a_status: it returns nothing."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        super().push_chunks(config, entity, chunks, deletes_df)


class HoardingStoreDriver(GoodStoreDriver):
    """overwrite_replaces_all_rows: it only adds and replaces."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        if config["write_mode"] == "overwrite":
            config = {**config, "write_mode": "upsert"}
        return super().push_chunks(config, entity, chunks, deletes_df)


class ReplacingAppendStoreDriver(GoodStoreDriver):
    """append_adds_the_rows: it replaces what is there."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        if config["write_mode"] == "append":
            config = {**config, "write_mode": "overwrite"}
        return super().push_chunks(config, entity, chunks, deletes_df)


class DoublingStoreDriver(GoodStoreDriver):
    """upsert_replaces_rows_of_the_same_key: an upsert appends."""

    def write(self, config, entity, df):
        super().write({**config, "write_mode": "append"}, entity, df)


class OneKeyStoreDriver(GoodStoreDriver):
    """upsert_compares_all_key_columns: it looks at the first key column only."""

    def write(self, config, entity, df):
        super().write({**config, "primary_keys": config["primary_keys"][:1]}, entity, df)


class UnawareStoreDriver(GoodStoreDriver):
    """a_mode_that_it_has_not_is_refused: it takes an append for an upsert."""

    capabilities = {"overwrite", "upsert", "deletes"}

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        if config["write_mode"] == "append":
            config = {**config, "write_mode": "upsert"}
        return super().push_chunks(config, entity, chunks, deletes_df)


class SuspiciousStoreDriver(GoodStoreDriver):
    """the_same_push_again_changes_nothing: rows that are there already are an error."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        self.open(config)
        df = pd.concat(list(chunks))
        there = self.connection.execute(f"SELECT * FROM {quoted(entity)}").fetchall() if self.columns(entity) else []
        if there and there == stored_rows(df) and config["idempotency_key"] != "of both attempts":
            raise ValueError("these rows are here already")
        return super().push_chunks(config, entity, iter([df]), deletes_df)


class PrefixStoreDriver(GoodStoreDriver):
    """entities_stay_apart: it empties all tables whose name is the beginning of the entity's."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        for other in self.list_entities(config):
            if entity.startswith(f"{other}_"):
                self.connection.execute(f"DELETE FROM {quoted(other)}")
        return super().push_chunks(config, entity, chunks, deletes_df)


class LastChunkStoreDriver(GoodStoreDriver):
    """all_chunks_arrive: of three chunks it writes the last two."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        got = list(chunks)
        return super().push_chunks(config, entity, iter(got[-2:] if all(map(len, got)) else got), deletes_df)


class ImpatientStoreDriver(GoodStoreDriver):
    """empty_chunks_do_no_harm: it takes an empty chunk for the end."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        first, *rest = chunks
        return super().push_chunks(config, entity, iter([first, *(rest if len(first) else [])]), deletes_df)


class PositionalStoreDriver(GoodStoreDriver):
    """columns_go_by_their_names: values are written by position."""

    def write(self, config, entity, df):
        there = self.columns(entity)
        if there and set(there) == set(df.columns):
            df = df.set_axis(there, axis=1)
        super().write(config, entity, df)


class ShiftingStoreDriver(GoodStoreDriver):
    """a_missing_column_is_null_or_an_error: the value of another row stands where a column is missing."""

    def write(self, config, entity, df):
        there = self.columns(entity)
        if len(df) and there and len(there) > len(df.columns):
            df = df.assign(**{column: "x" for column in there if column not in df.columns})
        super().write(config, entity, df)


class NarrowStoreDriver(GoodStoreDriver):
    """a_new_column_is_not_dropped_silently: it writes only the columns that are there."""

    def write(self, config, entity, df):
        there = self.columns(entity)
        super().write(config, entity, df[[column for column in df.columns if not there or column in there]])


class RigidStoreDriver(GoodStoreDriver):
    """a_new_column_is_added: it claims to add columns, and refuses them."""

    def write(self, config, entity, df):
        there = self.columns(entity)
        if there and set(df.columns) - set(there):
            raise ValueError("there is no such column")
        super().write(config, entity, df)


class EarlyEndStoreDriver(GoodStoreDriver):
    """deletes_without_rows_are_done: without rows it does nothing."""

    def delete(self, config, entity, deletes_df):
        if self.has_rows or config["delete_mode"] == "soft_delete":
            super().delete(config, entity, deletes_df)

    def write(self, config, entity, df):
        self.has_rows = len(df) > 0
        super().write(config, entity, df)


class RowsFirstStoreDriver(GoodStoreDriver):
    """deletes_and_rows_are_both_done: with rows it forgets the deletes."""

    def delete(self, config, entity, deletes_df):
        if not self.has_rows:
            super().delete(config, entity, deletes_df)

    def write(self, config, entity, df):
        self.has_rows = len(df) > 0
        super().write(config, entity, df)


class StrictDeleteStoreDriver(GoodStoreDriver):
    """deletes_of_unknown_keys_do_no_harm: a row that is gone already is an error."""

    def delete(self, config, entity, deletes_df):
        if 99 in list(deletes_df["id"]):
            raise ValueError("there is no row 99")
        super().delete(config, entity, deletes_df)


class HardDeleteStoreDriver(GoodStoreDriver):
    """soft_deletes_mark_the_rows: it deletes them."""

    def delete(self, config, entity, deletes_df):
        super().delete({**config, "delete_mode": "hard_delete"}, entity, deletes_df)


class RoundingStoreDriver(GoodStoreDriver):
    """plain_rows_come_back: amounts are whole numbers."""

    def write(self, config, entity, df):
        if "amount" in df.columns and df["amount"].notna().all():
            df = df.assign(amount=df["amount"].round().astype(int))
        super().write(config, entity, df)


class ZeroStoreDriver(GoodStoreDriver):
    """nulls_stay_nulls: they become zeros."""

    def write(self, config, entity, df):
        super().write(config, entity, df.astype(object).where(df.notna(), 0))


class EmptyIsNullStoreDriver(GoodStoreDriver):
    """an_empty_text_is_not_null: it becomes null."""

    def write(self, config, entity, df):
        super().write(config, entity, df.astype(object).replace({"": None}))


class AsciiStoreDriver(GoodStoreDriver):
    """unicode_comes_back: other characters become question marks."""

    def write(self, config, entity, df):
        def ascii_(value):
            return value.encode("ascii", "replace").decode() if isinstance(value, str) else value

        super().write(config, entity, df.astype(object).map(ascii_))


class CuttingStoreDriver(GoodStoreDriver):
    """nul_is_kept_or_refused: a text ends at NUL."""

    def write(self, config, entity, df):
        def cut(value):
            return value.partition("\0")[0] if isinstance(value, str) else value

        super().write(config, entity, df.astype(object).map(cut))


class FloatingStoreDriver(GoodStoreDriver):
    """decimals_stay_exact: they become floats."""

    def write(self, config, entity, df):
        def floated(value):
            return float(value) if isinstance(value, decimal.Decimal) else value

        super().write(config, entity, df.astype(object).map(floated))


class ZonelessStoreDriver(GoodStoreDriver):
    """times_with_a_zone_keep_their_instant: the zone is left out."""

    def write(self, config, entity, df):
        def naive(value):
            return value.replace(tzinfo=None) if isinstance(value, datetime.datetime) and pd.notna(value) else value

        super().write(config, entity, df.astype(object).map(naive))


class DayBeforeStoreDriver(GoodStoreDriver):
    """dates_stay_dates: a date becomes the day before."""

    def write(self, config, entity, df):
        def before(value):
            return value - datetime.timedelta(days=1) if type(value) is datetime.date else value

        super().write(config, entity, df.astype(object).map(before))


class DoublePrecisionStoreDriver(GoodStoreDriver):
    """wide_integers_stay_exact: all numbers are floats."""

    def write(self, config, entity, df):
        def rounded(value):
            return int(float(value)) if isinstance(value, int) and not isinstance(value, bool) else value

        super().write(config, entity, df.astype(object).map(rounded))


class TextualStoreDriver(GoodStoreDriver):
    """booleans_come_back: as texts."""

    def write(self, config, entity, df):
        super().write(
            config, entity, df.astype(object).map(lambda value: str(value) if isinstance(value, bool) else value)
        )


class TidyColumnsStoreDriver(GoodStoreDriver):
    """odd_column_names_are_kept_or_refused: odd characters are left out."""

    def write(self, config, entity, df):
        super().write(
            config, entity, df.rename(columns=lambda name: "".join(c for c in name if c.isalnum() or c in "_"))
        )


class TidyNamesStoreDriver(GoodStoreDriver):
    """an_odd_entity_name_is_kept_or_refused: it cannot find again what it wrote under another name."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        return super().push_chunks(config, re.sub(r"\W", "", entity), chunks, deletes_df)


class IndexStoreDriver(GoodStoreDriver):
    """the_index_is_no_column: it writes the index too."""

    def write(self, config, entity, df):
        super().write(config, entity, df if isinstance(df.index, pd.RangeIndex) else df.reset_index())


class BareStoreDriver(GoodStoreDriver):
    """an_empty_overwrite_keeps_the_columns: without rows it writes only the first column."""

    def write(self, config, entity, df):
        if config["write_mode"] == "overwrite" and not len(df):
            df = df[["id"]]
        super().write(config, entity, df)


class SwallowingStoreDriver(GoodStoreDriver):
    """a_chunk_that_fails_fails_the_push: it takes what it got until then."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        got = []
        with contextlib.suppress(Exception):
            for df in chunks:
                got.append(df)
        return super().push_chunks(config, entity, iter(got), deletes_df)


class HalfwayStoreDriver(GoodStoreDriver):
    """a_failed_overwrite_keeps_the_old_rows: it empties the table at once, and commits that."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        if config["write_mode"] == "overwrite":
            self.open(config)
            self.connection.execute(f"DROP TABLE IF EXISTS {quoted(entity)}")
        return super().push_chunks(config, entity, chunks, deletes_df)


class OnlyOnceStoreDriver(GoodStoreDriver):
    """an_answer_that_was_lost_does_no_harm: what comes again is an error."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        self.open(config)
        key = [entity, f"done {config['idempotency_key']}"]
        again = self.connection.execute("SELECT 1 FROM keys WHERE entity = ? AND key = ?", key).fetchone()
        if again and config["write_mode"] != "append" and config["idempotency_key"] == "of both attempts":
            raise ValueError("these rows are here already")
        found = super().push_chunks(config, entity, chunks, deletes_df)
        self.connection.execute("INSERT OR IGNORE INTO keys VALUES (?, ?)", key)
        return found


class RepeatingStoreDriver(GoodStoreDriver):
    """an_append_whose_answer_was_lost_adds_nothing_twice: it does not look at the idempotency_key."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        key = f"{config['idempotency_key']} {time.time_ns()}"
        return super().push_chunks({**config, "idempotency_key": key}, entity, chunks, deletes_df)


class LockingStoreDriver(GoodStoreDriver):
    """a_killed_push_can_be_run_again: the lock of a process that died stays."""

    def push_chunks(self, config, entity, chunks, deletes_df=None):
        lock = Path(f"{config['args']['path']}.{len(entity)}.lock")
        try:
            lock.touch(exist_ok=False)
        except FileExistsError:
            if lock.read_text() == "committed" or config["write_mode"] == "overwrite":
                raise ValueError(f"{lock} is there, so somebody else is writing") from None
        try:
            return super().push_chunks(config, entity, chunks, deletes_df)
        finally:
            lock.unlink(missing_ok=True)

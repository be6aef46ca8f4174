"""The tables that the command prints."""

from __future__ import annotations

from custom_store_pipeline.cli.table import table_lines


def shown(rows: list[list[str]], width: int, right: tuple[int, ...] = ()) -> str:
    return "\n".join(table_lines(["name", "rows"], rows, right, width))


def test_a_table_is_as_wide_as_it_needs() -> None:
    assert shown([["posts", "12"], ["[b]", "1,000"]], 200, right=(1,)) == (
        "┏━━━━━━━┳━━━━━━━┓\n"
        "┃ name  ┃  rows ┃\n"
        "┡━━━━━━━╇━━━━━━━┩\n"
        "│ posts │    12 │\n"
        "│ [b]   │ 1,000 │\n"
        "└───────┴───────┘"
    )


def test_cells_that_do_not_fit_are_wrapped_between_words_and_within_long_ones() -> None:
    assert shown([["a, bb, ccc", "1"], ["abcdefghij", "two\nlines"]], 20) == (
        "┏━━━━━━━━━━┳━━━━━━━┓\n"
        "┃ name     ┃ rows  ┃\n"
        "┡━━━━━━━━━━╇━━━━━━━┩\n"
        "│ a, bb,   │ 1     │\n"
        "│ ccc      │       │\n"
        "│ abcdefgh │ two   │\n"
        "│ ij       │ lines │\n"
        "└──────────┴───────┘"
    )


def test_a_column_keeps_a_character_however_narrow_the_terminal_is() -> None:
    assert shown([["ab", ""]], 3).splitlines()[-3:] == ["│ a │   │", "│ b │   │", "└───┴───┘"]


def test_wide_and_combining_characters_take_the_columns_that_they_show() -> None:
    lines = shown([["日本", "1"], ["e\u0301t\u0301", "2"]], 200).splitlines()

    assert lines[3:5] == ["│ 日本 │ 1    │", "│ e\u0301t\u0301   │ 2    │"]


def test_a_table_without_rows_is_its_header() -> None:
    assert len(shown([], 80).splitlines()) == 4

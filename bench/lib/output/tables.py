"""Tables for the terminal."""

from collections.abc import Sequence


def table(header: Sequence[str], text_columns: int, rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows under their header, each column as wide as its widest cell.

    Args:
        header: the titles.
        text_columns: how many columns, from the left, are text; the others are numbers, which
            stand on the right.
        rows: cells as text, as many a row as there are titles.

    Returns:
        Lines without a final newline.
    """
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < text_columns else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def cell(value: float | str | None, form: str = "") -> str:
    """Format a value as `format` does; None becomes a dash."""
    return "-" if value is None else format(value, form)

"""Tables that stand side by side: the same names, again and again, in one line."""

from collections.abc import Callable

from fitting.readers.tables.table import Table


def side_by_side(table: Table, whole: Callable[[list[str]], bool]) -> list[Table]:
    """The blocks of a table as tables of their own; the table itself if its names do not repeat.

    **Arguments:**

    - `table`: its names and rows.
    - `whole`: whether some names make a table by themselves.
    """
    names = [name.strip() for name in table.names]
    n = len(names)
    width = next(
        (w for w in range(2, n // 2 + 1) if n % w == 0 and names == names[:w] * (n // w)), 0
    )
    if not width or not whole(names[:width]):
        return [table]
    blocks = []
    for k in range(n // width):
        block = Table(names[:width], decimal=table.decimal, notes=list(table.notes))
        for row, line, piece in zip(table.rows, table.lines, table.blocks, strict=True):
            cells = row[k * width : (k + 1) * width]
            # A shorter block ends above the others.
            if any(cell.strip() for cell in cells):
                block.add(cells, line, piece)
        blocks.append(block)
    return [block for block in blocks if block.rows]

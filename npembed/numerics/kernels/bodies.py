"""The two kernels, undecorated: what happens to one row of a batch, or to one row of a table.

Plain Python runs these functions as they stand (`python`), Numba compiles them for the CPU (`cpu`) and for CUDA (`gpu`). They
move and add, nothing else: no multiplication, no literal but whole numbers, no NumPy function, no exception. So one input has
one result, to the bit, on every machine and for any number of threads.

Both take ``first`` and ``step``, the columns they visit: ``0, 1`` is the whole row, ``c, n`` is the share of thread ``c`` out
of ``n`` that divide the row among them. Either way one thread owns an output element, and adds to it in batch order.
"""


def copy_row(out, table, ids, i, first, step):
    """``out[i, d] = table[ids[i], d]``."""
    target = out[i]
    source = table[ids[i]]
    for d in range(first, target.size, step):
        target[d] = source[d]


def add_segment(out, rows, starts, order, values, s, first, step):
    """``out[rows[s], d] += values[order[j], d]`` for ``j = starts[s], ..., starts[s + 1] - 1``, one after the other."""
    target = out[rows[s]]
    for j in range(starts[s], starts[s + 1]):
        source = values[order[j]]
        for d in range(first, target.size, step):
            target[d] += source[d]

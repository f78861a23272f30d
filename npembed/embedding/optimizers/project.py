"""After a step and a constrainer: take from the momentum what points out of the constraint."""

import numpy as np

from ... import check
from ...numerics import interrupts
from ...numerics.precision import to_float64
from .rowwise import check_like_table

MOMENTA = ("momentum_buffer", "exp_avg")


@check.public
def project_state_(table, state, *, constrainer="normalize", dim=-1, rows=None):
    """Keep of each momentum what is tangent to the constraint at the row where it now is: ``m -= u Re<u, m>``, ``u = x / |x|``.

    A constrainer puts rows back on the sphere after the step, but the momentum of SGD or Adam knows nothing of it: it keeps the part
    along the row, which moves nothing that lasts, and turns into a part across it when the row has turned. Riemannian optimization
    takes that part off: project the step's vector to the tangent space at the new point before it is used there (a vector transport).
    For the sphere that space is all that is orthogonal to x, and the orthogonal projection is ``I - u u^T``.

    Of the state only "momentum_buffer" and "exp_avg" change. Second moments and sums of squares are sizes, number by number, and no
    vectors. With "complex_normalize" each complex entry is a circle of its own: ``m -= u Re(conj(u) m)``. A row of zeros is on no
    sphere: its momentum stays.

    Parameters
    ----------
    table : ndarray (N, *shape), already constrained
    state : state of an optimizer of that table with momentum, written in place
    constrainer : "normalize" (with p = 2) or "complex_normalize" (complex tables)
        The others have no tangent space that is the same on all sides: a row may be inside, or at an edge.
    dim : int, tuple of int, or None for all axes
        What is one row, as in `normalize`; never the first axis.
    rows : ids (n,) of the rows to project, or None for all

    Raises
    ------
    ValueError, TypeError, IndexError
        Before anything is written: a state without momentum, another constrainer, arrays of another shape or dtype.

    References
    ----------
    Absil, Mahony and Sepulchre, Optimization algorithms on matrix manifolds (Princeton 2008), section 3.6.1 (the projection onto
    the tangent space of a sphere), section 8.1.3 (vector transport by projection). Becigneul and Ganea, Riemannian adaptive
    optimization methods (ICLR 2019).

    Examples
    --------
    >>> table, state = np.array([[0.6, 0.8]]), {"step": 1, "momentum_buffer": np.array([[5.0, 0.0]])}
    >>> project_state_(table, state)
    >>> state["momentum_buffer"].round(6)
    array([[ 3.2, -2.4]])
    """
    check.table("project_state_", table)
    check.choice("project_state_", "constrainer", constrainer, ("normalize", "complex_normalize"))
    if constrainer == "complex_normalize" and not np.iscomplexobj(table):
        raise TypeError(f"project_state_: table has dtype {table.dtype}; allowed: complex entries with 'complex_normalize'")
    dims = check.dims("project_state_", dim, ..., table.ndim)
    if constrainer == "normalize" and 0 in dims:
        raise ValueError(f"project_state_: dim = {dim} holds the axis of rows; allowed: axes of a row")
    if not isinstance(state, dict) or not any(name in state for name in MOMENTA):
        found = ", ".join(map(str, state)) if isinstance(state, dict) else f"a {type(state).__name__}"
        raise ValueError(f"project_state_: state is {found}; allowed: a dict with {check.names(MOMENTA)}")
    where = slice(None) if rows is None else check.ids("project_state_", rows, len(table), "rows").reshape(-1)
    momenta = [(f"state[{name!r}]", state[name]) for name in MOMENTA if name in state]
    for label, m in momenta:
        check_like_table("project_state_", label, m, table)
        check.writable("project_state_", label, m, ("table", table), *([] if rows is None else [("rows", where)]))
    x = to_float64(table[where])
    dims = () if constrainer == "complex_normalize" else dims
    length = np.sqrt((np.abs(x) ** 2).sum(axis=dims, keepdims=True))
    u = x / np.where(length > 0, length, 1.0)
    with interrupts.deferred():
        for _, m in momenta:
            old = m[where]
            m[where] = old - u * (np.conj(u) * old).real.sum(axis=dims, keepdims=True)

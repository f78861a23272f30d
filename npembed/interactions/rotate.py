"""RotatE: a relation turns each entry of the head by an angle of its own."""

import numpy as np

from .. import check
from ..op import unbroadcast, wide
from .transe import transe, transe_vjp


def rotate(h, r, t, *, p=2, power_norm=False, slope_at_zero=0.0):
    """Score by the distance that is left after the rotation: ``f(h, r, t) = -|h o r - t|_p``.

    ``o`` multiplies entry by entry, and ``|.|_p`` is taken of the moduli ``|h_i r_i - t_i|``; with `power_norm` the power is not
    undone. A rotation has ``|r_i| = 1`` (normalizer or constrainer "complex_normalize"); here any r will do, and a longer one
    stretches, too. PyKEEN 1.11.1 takes ``|h - t o conj(r)|`` instead where the shapes of a batch make that cheaper, which is the same
    for ``|r_i| = 1`` and another score for the same triple otherwise; and it ignores `p` and `power_norm`.

    Parameters
    ----------
    h, r, t : ndarray (..., d), complex, of one dtype; leading axes broadcast
    p : float in [1, inf] (finite with `power_norm`)
        The paper takes 1; PyKEEN 2.
    power_norm : bool
    slope_at_zero
        Convention at the kink; only `rotate_vjp` reads it.

    Returns
    -------
    ndarray (...), real

    Raises
    ------
    ValueError, TypeError
        For shapes that do not broadcast, different d, real rows, p < 1.

    References
    ----------
    Sun et al., RotatE: knowledge graph embedding by relational rotation in complex space (ICLR 2019), equation 3.

    Examples
    --------
    >>> h, quarter_turn, t = np.array([1 + 0j, 2 + 0j]), np.array([1j, 1j]), np.array([4j, -4 + 2j])
    >>> rotate(h, quarter_turn, t), rotate(h, quarter_turn, t, p=1), rotate(h, quarter_turn, t, power_norm=True)
    (array(-5.), array(-7.), array(-25.))
    """
    turned, zero, t, dtype = _turned("rotate", h, r, t, p, power_norm, slope_at_zero)
    return np.asarray(transe(turned, zero, t, p=p, power_norm=power_norm), dtype)


def rotate_vjp(g, h, r, t, *, p=2, power_norm=False, slope_at_zero=0.0):
    """With ``x = h o r - t``: ``dh = -g s o conj(r)``, ``dr = -g s o conj(h)``, ``dt = g s``, s being the derivative of the norm at x.

    RotatE is TransE from the turned head ``u = h o r`` by the translation 0, so that du and dt are those of `transe_vjp`, with s and
    its kinks; for ``F(h r)`` with the gradient du at u, the chain rule gives ``dh = du conj(r)`` and ``dr = du conj(h)``. There is a
    kink where ``x = 0`` (gradient 0), and for p = 1 wherever ``x_i = 0`` (`slope_at_zero`, 0 as in torch).

    Parameters
    ----------
    g : ndarray (...), real, the shape of the score
    h, r, t, p, power_norm
        As in `rotate`.
    slope_at_zero : float in [-1, 1]
        p = 1: the derivative of ``|x_i|`` taken at ``x_i = 0``.

    Returns
    -------
    dh, dr, dt : ndarray, like `h`, `r`, `t`

    Examples
    --------
    >>> h, quarter_turn, t = np.array([1 + 0j, 2 + 0j]), np.array([1j, 1j]), np.array([4j, -4 + 2j])
    >>> dh, dr, dt = rotate_vjp(np.array(5.0), h, quarter_turn, t)
    >>> dh, dt
    (array([3.+0.j, 0.+4.j]), array([0.-3.j, 4.+0.j]))
    """
    turned, zero, wide_t, dtype = _turned("rotate_vjp", h, r, t, p, power_norm, slope_at_zero)
    shape = np.broadcast_shapes(turned.shape, t.shape)[:-1]
    check.like("rotate_vjp", "g", g, shape, dtype, "the score")
    options = {"p": p, "power_norm": power_norm, "slope_at_zero": slope_at_zero}
    du, _, dt = transe_vjp(wide(g), turned, zero, wide_t, **options)
    dh, dr = (unbroadcast(du * np.conj(wide(other)), x.shape) for x, other in ((h, r), (r, h)))
    return dh.astype(h.dtype), dr.astype(r.dtype), dt.astype(t.dtype)


def _turned(function, h, r, t, p, power_norm, slope_at_zero):
    """``h o r``, a relation of zero and the tail, wide, and the dtype of the score."""
    dtype = check.rows(function, h=h, r=r, t=t)
    if dtype.kind != "c":
        raise TypeError(f"{function}: h has dtype {dtype}; allowed: complex rows, since real ones cannot be rotated")
    if np.isinf(check.order(function, p)) and power_norm:
        raise ValueError(f"{function}: p = inf has no power; allowed: a finite p, or power_norm = False")
    check.choice(function, "power_norm", power_norm, (True, False))
    check.real(function, "slope_at_zero", slope_at_zero, -1, 1)
    turned = wide(h) * wide(r)
    return turned, np.zeros(h.shape[-1:], turned.dtype), wide(t), np.empty(0, dtype).real.dtype

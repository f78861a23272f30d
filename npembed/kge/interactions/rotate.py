"""RotatE: a relation turns each entry of the head by an angle of its own."""

import math

import numpy as np

from ... import check
from ...numerics.extended import floats, reach
from ...numerics.precision import to_float64
from ...op import unbroadcast
from .transe import distance, distance_vjp


@check.public
def rotate(h, r, t, *, p=2, power_norm=False, slope_at_zero=0.0, turn="head"):
    """Score by the distance that is left after the rotation: ``f(h, r, t) = -|h o r - t|_p``.

    ``o`` multiplies entry by entry, and ``|.|_p`` is taken of the moduli ``|h_i r_i - t_i|``; with `power_norm` the power is not
    undone. A rotation has ``|r_i| = 1`` (normalizer or constrainer "complex_normalize"). Here any r will do, and a longer one
    stretches, too. ``h o r`` alone may be too large for a float, or too small.

    With ``turn="tail"`` the tail is turned back instead, ``-|h - t o conj(r)|_p``. For rotations that is the same score, with the
    same gradients of h, of t, and of r along its circle; off the circle score and gradients differ. PyKEEN 1.11.1 goes by cost, here
    ``turn="cheaper"``: it turns the head if ``h o r`` has fewer numbers than ``r o t``, and otherwise, as in training, the tail. (It
    also ignores `p` and `power_norm`.)

    Parameters
    ----------
    h, r, t : ndarray (..., d), complex, of one dtype; leading axes broadcast
    p : float in [1, inf] (finite with `power_norm`)
        PyKEEN takes 2, the authors' program 1.
    power_norm : bool
    slope_at_zero
        Convention at the kink; only `rotate_vjp` reads it.
    turn : "head", "tail" or "cheaper"
        With "cheaper", the score of a triple whose r is no rotation depends on the batch that it is in.

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
    x, p, _, dtype = _rest("rotate", h, r, t, p, power_norm, slope_at_zero, turn)
    return np.asarray(-distance(x, p, power_norm), dtype)


@check.public
def rotate_vjp(g, h, r, t, *, p=2, power_norm=False, slope_at_zero=0.0, turn="head"):
    """With ``x = h o r - t``: ``dh = -g s o conj(r)``, ``dr = -g s o conj(h)``, ``dt = g s``, s being the derivative of the norm at x.

    RotatE is TransE from ``u = h o r`` to t by the translation 0, so that du and dt are those of `transe_vjp`, with s and its kinks; a
    product ``u = h r`` under a real function has ``dh = du conj(r)`` and ``dr = du conj(h)``. With the tail turned back,
    ``v = t conj(r)``, it is ``dt = dv r`` and ``dr = conj(dv conj(t))``. There is a kink where ``x = 0`` (gradient 0), and for p = 1
    wherever ``x_i = 0`` (`slope_at_zero`, 0 as in torch).

    Parameters
    ----------
    g : ndarray (...), real, the shape of the score
    h, r, t, p, power_norm, turn
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
    x, p, head_turns, dtype = _rest("rotate_vjp", h, r, t, p, power_norm, slope_at_zero, turn)
    check.like("rotate_vjp", "g", g, x.shape[:-1], dtype, "the score")
    row, slopes = distance_vjp(x, p, power_norm, slope_at_zero)
    from_, to = (
        (np.broadcast_shapes(h.shape, r.shape), t.shape) if head_turns else (h.shape, np.broadcast_shapes(t.shape, r.shape))
    )

    def gradients(g, x, y, z, *row):
        d = slopes(g, *row)
        du, dv = unbroadcast(-1 * d, from_), unbroadcast(d, to)
        dh, dr, dt = (du * y.conj(), du * x.conj(), dv) if head_turns else (du, dv.conj() * z, dv * y)
        return unbroadcast(dh, h.shape), unbroadcast(dr, r.shape), unbroadcast(dt, t.shape)

    found = reach(gradients, [to_float64(g)[..., None], to_float64(h), to_float64(r), to_float64(t), *row])
    return tuple(floats(d, over=None).astype(h.dtype) for d in found)


def _rest(function, h, r, t, p, power_norm, slope_at_zero, turn):
    """What the rotation leaves (in extended numbers if something is too large), p, whether the head was turned, and the score's dtype."""
    dtype = check.rows(function, h=h, r=r, t=t)
    if dtype.kind != "c":
        raise TypeError(f"{function}: h has dtype {dtype}; allowed: complex rows, since real ones cannot be rotated")
    p = check.order(function, p)
    if np.isinf(p) and power_norm:
        raise ValueError(f"{function}: p = inf has no power; allowed: a finite p, or power_norm = False")
    check.choice(function, "power_norm", power_norm, (True, False))
    check.real(function, "slope_at_zero", slope_at_zero, -1, 1)
    if check.choice(function, "turn", turn, ("head", "tail", "cheaper")) == "cheaper":
        heads, tails = (math.prod(np.broadcast_shapes(x.shape, r.shape)) for x in (h, t))
        turn = "head" if heads < tails else "tail"
    rest = (lambda h, r, t: h * r - t) if turn == "head" else (lambda h, r, t: h - t * r.conj())
    return reach(rest, [to_float64(h), to_float64(r), to_float64(t)]), p, turn == "head", np.empty(0, dtype).real.dtype

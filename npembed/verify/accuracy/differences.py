"""The derivative of a reference, by central differences in so many digits that their error is out of sight."""

import mpmath
import numpy as np

STEP = 200
"""The step is ``2**-200`` of the number, of zero of the least of the example: the error, its square, is 2**-400 of the third derivative."""


def to_mpmath(x):
    """An array of floats, exactly, as an array of mpmath's numbers; anything else as it is.

    >>> to_mpmath(np.array([0.5]))[0]
    mpf('0.5')
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fc":
        return x
    make = (lambda z: mpmath.mpc(z.real, z.imag)) if x.dtype.kind == "c" else mpmath.mpf
    out = np.empty(x.shape, object)
    for i in np.ndindex(x.shape):
        out[i] = make(x[i].item())
    return out


def flat(values):
    """What a reference returns, a number or an array, as a list of numbers."""
    return list(values.ravel()) if isinstance(values, np.ndarray) else [values]


def gradients(reference, g, args):
    """``sum Re(conj(g) reference(*args))`` differentiated by every number in every array of mpmath's numbers among `args`.

    At a kink this is the mean of the slopes on the two sides.

    >>> x = to_mpmath(np.array([3.0, 4.0]))
    >>> with mpmath.workprec(700):
    ...     [float(v) for v in gradients(lambda x: (x * x).sum(), [mpmath.mpf(1)], (x,))[0]]
    [6.0, 8.0]
    """
    arrays = [a for a in args if isinstance(a, np.ndarray) and a.dtype == object]
    least = min((abs(v) for a in arrays for v in a.flat if v), default=mpmath.mpf(1))
    g = [mpmath.conj(v) for v in g]

    def slope(a, i, direction):
        before, step = a[i], mpmath.ldexp(abs(a[i]) or least, -STEP)
        a[i] = before + step * direction
        above = flat(reference(*args))
        a[i] = before - step * direction
        below = flat(reference(*args))
        a[i] = before
        return sum(((c * (y - z)).real for c, y, z in zip(g, above, below, strict=True)), mpmath.mpf(0)) / (2 * step)

    found = []
    for a in arrays:
        d = np.empty(a.shape, object)
        for i in np.ndindex(a.shape):
            d[i] = slope(a, i, 1)
            if isinstance(a[i], mpmath.mpc):
                d[i] = mpmath.mpc(d[i], slope(a, i, mpmath.mpc(0, 1)))
        found.append(d)
    return found

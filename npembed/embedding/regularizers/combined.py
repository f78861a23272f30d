"""A weighted mean of regularizers."""

import numpy as np

from ... import check
from ...numerics.precision import to_float64
from ...op import Op, resolve
from .lp import lp, lp_vjp
from .norm_limit import norm_limit, norm_limit_vjp
from .power_sum import power_sum, power_sum_vjp


@check.public
def combined(x, *, regularizers, weight=1.0):
    """Charge for several things at once: ``weight sum_r w_r f_r(x) / sum_r w_r``, each f_r with weight 1.

    The weights of the parts are shares of the whole, so that one number says how strong it is.

    Parameters
    ----------
    x : ndarray (..., d), real or complex
    regularizers : list of (name or Op, options, weight)
        One or more, of those in `TERMS`; options as a dict or None, weights of sum other than 0. It may itself be combined.
    weight : float

    Returns
    -------
    float of the precision of x

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        For a list that is empty (NaN in PyKEEN), weights that add up to 0, names that are not in `TERMS`: "no" takes nothing's place,
        and "orthogonality" wants two arrays (both refused in PyKEEN too).

    References
    ----------
    pykeen.regularizers.CombinedRegularizer (1.11.1).

    Examples
    --------
    >>> float(combined(np.array([[3.0, 4.0]]), regularizers=[("lp", {"p": 1}, 3.0), ("power_sum", None, 1.0)]))
    11.5
    """
    parts = _checked("combined", x, regularizers, weight)
    return x.real.dtype.type(sum(_charge(op, share, to_float64(x)) for op, share in parts))


@check.public
def combined_vjp(g, x, *, regularizers, weight=1.0):
    """The same mean of the gradients: each part gets ``g weight w_r / sum_r w_r``.

    Parameters
    ----------
    g : float
    x, regularizers, weight
        As in `combined`.

    Returns
    -------
    ndarray like `x`

    Examples
    --------
    >>> combined_vjp(1.0, np.array([[3.0, 4.0]]), regularizers=[("lp", {"p": 1}, 3.0), ("power_sum", None, 1.0)])
    array([[2.25, 2.75]])
    """
    parts = _checked("combined_vjp", x, regularizers, weight)
    g = check.cotangent("combined_vjp", g)
    return np.asarray(sum(op.vjp(g * share, to_float64(x)) for op, share in parts), x.dtype)


def _charge(op, share, x):
    """``share op(x)``, the share within where the rest by itself is too large for a float, or too small."""
    with np.errstate(over="ignore"):
        penalty = op.forward(x)
    return share * penalty if np.finfo(float).tiny <= abs(penalty) < np.inf else op.forward(x, weight=share)


def _checked(function, x, regularizers, weight):
    """Each part with its options filled in, and its share."""
    check.array(function, "x", x, ndim=1)
    weight = check.real(function, "weight", weight)
    if not isinstance(regularizers, (list, tuple)) or not regularizers:
        fact = "is empty" if isinstance(regularizers, (list, tuple)) else f"is a {type(regularizers).__name__}"
        raise (ValueError if fact == "is empty" else TypeError)(
            f"{function}: regularizers {fact}; allowed: a list of (name or Op, options, weight), one or more"
        )
    parts = [_part(function, f"regularizers[{i}]", part) for i, part in enumerate(regularizers)]
    whole = sum(share for _, share in parts)
    if whole == 0:
        raise ValueError(f"{function}: regularizers have weights that add up to 0; allowed: weights of another sum")
    return [(op, weight * share / whole) for op, share in parts]


def _part(function, argument, part):
    if not isinstance(part, (list, tuple)) or len(part) != 3:
        raise TypeError(f"{function}: {argument} = {check.said(part)} is no triple; allowed: (name or Op, options, weight)")
    op, options, share = part
    options = check.keywords(function, f"{argument}[1]", options)
    if "weight" in options:
        raise ValueError(f"{function}: {argument}[1] holds a weight; allowed: the weight of a part in the third place")
    if isinstance(op, str):
        try:
            op = TERMS[resolve(TERMS, op, function=function, argument="regularizer")]
        except check.UnknownNameError:
            raise check.unknown(function, f"{argument}[0]", op, list(TERMS)) from None
    check.op(function, f"{argument}[0]", op)
    check.options(function, f"{argument}[1]", options, op.forward)
    return op.bind(**options), check.real(function, f"{argument}[2]", share)


TERMS = {
    "lp": Op(lp, lp_vjp),
    "power_sum": Op(power_sum, power_sum_vjp),
    "norm_limit": Op(norm_limit, norm_limit_vjp),
    "combined": Op(combined, combined_vjp),
}
"""What can be combined: regularizers of one array."""

"""How long a row of normal numbers is on average."""

import math

from ... import check


@check.public
def expected_norm(p, d, *, expected="exact"):
    """How long a row of d standard normal numbers is on average, ``E |x|_p``.

    ``expected="exact"``: ``d sqrt(2 / pi)`` for p = 1 and ``sqrt(2) Gamma((d + 1) / 2) / Gamma(d / 2)`` for p = 2 (there is no such
    formula for other p). ``expected="pykeen"``: ``(d E|x_1|^p)^(1/p)`` with ``E|x_1|^p = 2^(p/2) Gamma((p + 1) / 2) / sqrt(pi)``,
    the root of the mean where the mean of the root is meant: right for p = 1 only, and sqrt(d) for p = 2, too long by a quarter at
    d = 1 and by ``1 / 4d`` of itself for large d.

    Parameters
    ----------
    p : float >= 1, finite
    d : int >= 1
    expected : "exact" or "pykeen"

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For p = inf, and with "exact" for p other than 1 and 2.

    References
    ----------
    Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 1 (1994), chapter 18 (chi distribution).
    pykeen.utils.get_expected_norm (1.11.1).

    Examples
    --------
    >>> round(expected_norm(2, 1), 4), expected_norm(2, 4, expected="pykeen")
    (0.7979, 2.0)
    """
    check.choice("expected_norm", "expected", expected, ("exact", "pykeen"))
    p, d = check.order("expected_norm", p), check.integer("expected_norm", "d", d, minimum=1)
    if expected == "exact" and p not in (1, 2):
        raise ValueError(
            f"expected_norm: p = {p:g} has no closed form; allowed: 1 or 2, or any finite p with expected = 'pykeen'"
        )
    if p == math.inf:
        raise ValueError("expected_norm: p = inf has no formula; allowed: a finite p")
    if p == 1:
        return d * math.sqrt(2 / math.pi)
    if expected == "pykeen":
        moment = math.lgamma((p + 1) / 2) + (p * math.log(2) - math.log(math.pi)) / 2
        return math.sqrt(d) if p == 2 else math.exp((math.log(d) + moment) / p)
    length = math.sqrt(2 / math.pi)
    for k in range(1, d):  # E_k E_(k+1) = k, so that no quotient of huge Gammas is taken
        length = k / length
    return length

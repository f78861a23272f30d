"""Bring blocks of a row to length one: complex entries (`complex_normalize`), quaternions (`quaternion_normalize`)."""

import numpy as np

from ... import check
from .normalize import normalize, normalize_vjp


@check.public
def complex_normalize(x, *, eps=0.0, zero_row="divide"):
    """Bring each complex entry to modulus one: ``u = z / max(|z|, eps)``, the nearest point of the unit circle.

    This keeps RotatE's relations rotations. Real rows are read as pairs (re, im) along the last axis, as PyKEEN does. A zero, from
    which every point of the circle is as near, stays zero; an entry whose modulus is within an ulp of one stays as it is.

    Parameters
    ----------
    x : ndarray (..., d), complex; or real (..., 2 k)
    eps : float >= 0
        Shorter entries are only divided by it. (PyKEEN: the dtype's machine epsilon, so that 1e-9 in single precision ends at .008.)
    zero_row
        As in `complex_normalize_vjp`, which alone reads it.

    Returns
    -------
    ndarray like `x`

    Raises
    ------
    ValueError
        For real rows of odd length.

    References
    ----------
    Sun et al., RotatE (ICLR 2019), section 3.1 (the constraint ``|r_i| = 1``).

    Examples
    --------
    >>> complex_normalize(np.array([3 + 4j, 0j]))
    array([0.6+0.8j, 0. +0.j ])
    """
    return _joined(normalize(_pairs("complex_normalize", "x", x), eps=eps, zero_row=zero_row), x)


@check.public
def complex_normalize_vjp(g, x, *, eps=0.0, zero_row="divide"):
    """Keep of `g` what turns the entry, and divide by its modulus.

    `normalize_vjp` on the pairs (re, im): ``dz = (g - u Re(conj(u) g)) / |z|``; where ``|z| < eps``: ``g / eps``. At zero that is
    0 for ``eps = 0``.

    Parameters
    ----------
    g : ndarray like `x`
    x, eps
        As in `complex_normalize`.
    zero_row : "divide" or "stop"
        ``g / eps`` or 0 at a zero.

    Examples
    --------
    >>> complex_normalize_vjp(np.array([5.0 + 0j]), np.array([3 + 4j]))
    array([0.64-0.48j])
    """
    pairs = _pairs("complex_normalize_vjp", "x", x)
    check.like("complex_normalize_vjp", "g", g, x.shape, x.dtype, "x")
    return _joined(normalize_vjp(_pairs("complex_normalize_vjp", "g", g), pairs, eps=eps, zero_row=zero_row), x)


@check.public
def quaternion_normalize(x, *, eps=1e-12, zero_row="divide"):
    """Bring each quaternion, four numbers in a row ``(a, b, c, d)``, to length one: ``u = q / max(|q|, eps)``.

    This makes QuatE's relations rotations. A zero quaternion stays zero.

    Parameters
    ----------
    x : ndarray (..., 4 k) or (..., k, 4), real
    eps : float >= 0
        Shorter quaternions are only divided by it; with 0 all but zero end at length one.
    zero_row
        As in `quaternion_normalize_vjp`, which alone reads it.

    Returns
    -------
    ndarray like `x`

    Raises
    ------
    TypeError, ValueError
        For complex rows, and a last axis that is no multiple of four.

    References
    ----------
    Zhang et al., Quaternion knowledge graph embeddings (NeurIPS 2019), section 4.1 (normalization of the relation quaternion).

    Examples
    --------
    >>> quaternion_normalize(np.array([3.0, 0.0, 4.0, 0.0, 1.0, 1.0, -1.0, 1.0]))
    array([ 0.6,  0. ,  0.8,  0. ,  0.5,  0.5, -0.5,  0.5])
    """
    return _joined(normalize(_fours("quaternion_normalize", "x", x), eps=eps, zero_row=zero_row), x)


@check.public
def quaternion_normalize_vjp(g, x, *, eps=1e-12, zero_row="divide"):
    """Remove from `g` its part along each quaternion, and divide by the length.

    `normalize_vjp` on blocks of four: ``dq = (g - u <u, g>) / |q|``, a rotation of the quaternion; where ``|q| < eps``: ``g / eps``.

    Parameters
    ----------
    g : ndarray like `x`
    x, eps
        As in `quaternion_normalize`.
    zero_row : "divide" or "stop"
        ``g / eps`` or 0 at a zero quaternion.

    Examples
    --------
    >>> quaternion_normalize_vjp(np.array([0.0, 5.0, 0.0, 0.0]), np.array([3.0, 4.0, 0.0, 0.0]))
    array([-0.48,  0.36,  0.  ,  0.  ])
    """
    fours = _fours("quaternion_normalize_vjp", "x", x)
    check.like("quaternion_normalize_vjp", "g", g, x.shape, x.dtype, "x")
    return _joined(normalize_vjp(_fours("quaternion_normalize_vjp", "g", g), fours, eps=eps, zero_row=zero_row), x)


def _pairs(function, argument, x):
    """`x` as reals (..., d, 2)."""
    check.array(function, argument, x)
    if np.iscomplexobj(x):
        return np.stack([x.real, x.imag], axis=-1)
    return _blocks(function, argument, x, 2, "complex entries, or pairs: an even last axis")


def _fours(function, argument, x):
    """`x` as reals (..., k, 4)."""
    check.array(function, argument, x)
    if np.iscomplexobj(x):
        raise TypeError(f"{function}: {argument} has dtype {x.dtype}; allowed: real rows, four numbers for each quaternion")
    return _blocks(function, argument, x, 4, "quaternions: a last axis that is a multiple of 4")


def _blocks(function, argument, x, size, allowed):
    if x.ndim == 0 or x.shape[-1] % size:
        raise ValueError(f"{function}: {argument} has shape {x.shape} of reals; allowed: {allowed}")
    return x.reshape(*x.shape[:-1], x.shape[-1] // size, size)


def _joined(blocks, x):
    """Blocks as rows of the shape and dtype of `x`."""
    if not np.iscomplexobj(x):
        return blocks.reshape(x.shape)
    return np.ascontiguousarray(blocks).view(x.dtype).reshape(x.shape)

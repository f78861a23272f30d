"""Tables filled as matrices are: identity, orthogonal rows or columns, mostly zeros."""

import math

import numpy as np

from ... import check
from ...numerics.random import generator
from ...numerics.random.arguments import real_dtype


def _matrix(function, shape):
    """`shape`, that of a matrix."""
    shape = check.shape(function, "shape", shape)
    if len(shape) != 2:
        raise ValueError(f"{function}: shape = {shape} has {len(shape)} axes; allowed: two, real rows of one axis")
    return shape


@check.public
def eye(rng, shape, dtype=np.float32):
    """Fill with the identity matrix, cut or padded by zeros; draws nothing.

    >>> eye(None, (2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """
    return np.eye(*_matrix("eye", shape), dtype=dtype)


@check.public
def dirac(rng, shape, dtype=np.float32, *, groups=1):
    """Fill with the kernel of a convolution that changes nothing: ones at ``[d, d, middle]``, zeros elsewhere; draws nothing.

    The rows are cut into `groups` of N / groups, and each group starts anew at channel 0.

    Parameters
    ----------
    rng : not used
    shape : (N, channels, *size), with one to three sizes
    dtype : float32 or float64
    groups : int >= 1, a divisor of N

    References
    ----------
    torch.nn.init.dirac_.

    Examples
    --------
    >>> dirac(None, (2, 2, 3))[:, :, 1]
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    shape = check.shape("dirac", "shape", shape)
    if not 3 <= len(shape) <= 5:
        raise ValueError(f"dirac: shape = {shape} has {len(shape)} axes; allowed: 3 to 5, (N, channels, *size)")
    if shape[0] % check.integer("dirac", "groups", groups, minimum=1):
        raise ValueError(f"dirac: groups = {groups} does not divide {shape[0]} rows; allowed: a divisor")
    table = np.zeros(shape, dtype)
    if table.size:
        size = shape[0] // groups
        channel = np.arange(min(size, shape[1]))
        rows = (size * np.arange(groups)[:, None] + channel).ravel()
        place = (rows, np.tile(channel, groups), *(n // 2 for n in shape[2:]))
        table[place] = 1
    return table


@check.public
def orthogonal(rng, shape, dtype=np.float32, *, gain=1.0):
    """Draw a matrix ``(N, D)``, uniformly among those whose rows (N <= D) or columns are orthogonal and `gain` long.

    Q of the QR decomposition of normal numbers, each column of Q times the sign of the diagonal of R. It is computed in float64
    and rounded once. torch decomposes in `dtype`; in float32 its Q is off by some eps times the condition number of what was drawn,
    and equals this one to that. (LAPACK promises no bits.)

    Parameters
    ----------
    rng, dtype
        As in `normal`.
    shape : tuple of int, (N, *row); a row of several axes counts as one of D numbers
    gain : float

    References
    ----------
    Saxe, McClelland, Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear neural networks (ICLR 2014);
    Mezzadri, How to generate random matrices from the classical compact groups (Notices of the AMS 54, 2007), on why the signs
    are needed; torch.nn.init.orthogonal_.

    Examples
    --------
    >>> rows = orthogonal(0, (2, 3), np.float64, gain=2.0)
    >>> (rows @ rows.T).round(12) + 0.0
    array([[4., 0.],
           [0., 4.]])
    """
    shape = check.shape("orthogonal", "shape", shape)
    if len(shape) < 2:
        raise ValueError(f"orthogonal: shape = {shape} holds single numbers; allowed: rows of one axis or more")
    dtype = real_dtype("orthogonal", dtype)
    gain = check.fits("orthogonal", "gain", check.real("orthogonal", "gain", gain), dtype)
    drawn = generator(rng).normal((shape[0], math.prod(shape[1:])), dtype=dtype)
    wide = drawn.shape[0] < drawn.shape[1]
    q, r = np.linalg.qr((drawn.T if wide else drawn).astype(np.float64))
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return np.ascontiguousarray(gain * (q.T if wide else q), dtype).reshape(shape)


@check.public
def sparse(rng, shape, dtype=np.float32, *, sparsity, std=0.01):
    """Draw from N(0, std^2), and put zeros at random into ``ceil(sparsity N)`` entries of each column.

    Parameters
    ----------
    rng, dtype
        As in `normal`.
    shape : (N, D)
    sparsity : float in [0, 1], the share of each column that is zero
    std : float >= 0

    References
    ----------
    Martens, Deep learning via Hessian-free optimization (ICML 2010), section 5; torch.nn.init.sparse_.

    Examples
    --------
    >>> (sparse(0, (4, 3), sparsity=0.5) == 0).sum(axis=0)
    array([2, 2, 2])
    """
    shape = _matrix("sparse", shape)
    zeros = math.ceil(check.real("sparse", "sparsity", sparsity, 0, 1) * shape[0])
    rng = generator(rng)
    table = rng.normal(shape, 0.0, std, dtype)
    for column in table.T:
        column[rng.randperm(shape[0])[:zeros]] = 0
    return table

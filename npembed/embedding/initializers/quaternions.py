"""Quaternions, four numbers in the last axis: one real and three imaginary parts."""

import math

import numpy as np

from ... import check
from ...numerics.random import generator
from ...numerics.random.arguments import real_dtype
from ..row_maps import normalize


@check.public
def init_quaternions(rng, shape, dtype=np.float32, *, compat=None):
    """Draw quaternions ``m (cos t + v sin t)``: m uniform in [-s, s), t in [0, 2 pi), v a unit vector in any direction.

    ``s = 1 / sqrt(2 k)`` with k quaternions in a row, so a row has the expected squared length 1/6 whatever N and k are: of each
    quaternion 1 / (12 k) in its real part, 1 / (36 k) in each imaginary one. They are not of length one. For unit quaternions,
    uniform among the rotations, take ``normal_norm`` with ``dim=-1``.

    ``compat="pykeen"`` draws as PyKEEN 1.11.1 does: k is the number of rows N instead (all axes but the last two), so that
    larger tables get smaller numbers; v is a normalized row of U[0, 1), so that the three imaginary parts have one sign; and all
    is drawn in float32 whatever the dtype.

    Parameters
    ----------
    rng, dtype
        As in `normal`.
    shape : (N, 4) or (N, ..., 4)
    compat : None or "pykeen"

    References
    ----------
    Zhang et al., Quaternion knowledge graph embeddings (NeurIPS 2019), section 4, initialization (the scale: k is the number of
    quaternions that embed an entity); Parcollet et al., Quaternion recurrent neural networks (ICLR 2019), algorithm 1, where the
    parts of v are drawn from [0, 1), that is, in one octant. Here no direction is preferred.

    Examples
    --------
    >>> x = init_quaternions(0, (50, 8, 4))
    >>> bool((np.linalg.norm(x, axis=-1) < 1.0001 / np.sqrt(2 * 8)).all())
    True
    """
    shape, dtype = check.shape("init_quaternions", "shape", shape), real_dtype("init_quaternions", dtype)
    check.choice("init_quaternions", "compat", compat, (None, "pykeen"))
    if len(shape) < 2 or shape[-1] != 4:
        raise ValueError(f"init_quaternions: shape = {shape} holds no quaternions; allowed: rows of reals with a last axis of 4")
    rng, drawn = generator(rng), np.dtype(np.float32) if compat else dtype
    s = 1.0 / math.sqrt(2 * max(math.prod(shape[:-2] if compat else shape[1:-1]), 1))
    m = drawn.type(2 * s) * rng.rand(shape[:-1], drawn) - drawn.type(s)
    t = (drawn.type(2 * math.pi) * rng.rand(shape[:-1], drawn)).astype(np.float64)
    v = rng.rand((*shape[:-1], 3), drawn) if compat else rng.normal((*shape[:-1], 3), dtype=drawn)
    v = normalize(v.astype(np.float64))
    m = m[..., None].astype(np.float64)
    return np.concatenate([m * np.cos(t)[..., None], m * np.sin(t)[..., None] * v], axis=-1).astype(drawn).astype(dtype)

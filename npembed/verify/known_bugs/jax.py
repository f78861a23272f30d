"""JAX: rows that are looked up, added up, and measured."""

import functools
import math

import numpy as np

from ...embedding.lookup import transform
from ...embedding.regularizers import power_sum_vjp
from ...embedding.row_maps import norm_vjp, normalize
from ...embedding.rows import gather, gather_vjp
from .finding import REFUSED, Finding

_found = functools.partial(Finding, "jax", ("0.10.2", "0.10.2"))
TABLE = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)


def clipped():
    """an id that names no row gives the last one"""
    import jax.numpy as jnp

    return jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])[7].tolist()


def clipped_gradient():
    """the gradient for an id that names no row goes to the last one"""
    import jax
    import jax.numpy as jnp

    return jax.grad(lambda table: (table[7] * jnp.array([1.0, -2.0])).sum())(jnp.zeros((3, 2))).tolist()


def filled():
    """take gives NaN for an id that names no row, and its gradient nothing to tell it by"""
    import jax
    import jax.numpy as jnp

    row, pullback = jax.vjp(lambda table: jnp.take(table, 7, axis=0), jnp.zeros((3, 2)))
    return [row.tolist(), *pullback(jnp.ones(2))[0].tolist()]


def dropped():
    """adding to a row that is not there does nothing"""
    import jax.numpy as jnp

    return jnp.zeros(3).at[7].add(1.0).tolist()


def dropped_segment():
    """segment_sum leaves out what belongs to no segment"""
    import jax
    import jax.numpy as jnp

    return jax.ops.segment_sum(jnp.array([1.0, 2.0]), jnp.array([0, 7]), num_segments=2).tolist()


def half_sums():
    """4096 gradients of one in bfloat16 add up to 256"""
    import jax
    import jax.numpy as jnp

    table = jnp.zeros((1, 1), jnp.bfloat16)
    return jax.grad(lambda table: table[jnp.zeros(4096, int)].sum())(table).item()


def half_sums_16():
    """4096 gradients of one in float16 add up to 2048"""
    import jax
    import jax.numpy as jnp

    table = jnp.zeros((1, 1), jnp.float16)
    return jax.grad(lambda table: table[jnp.zeros(4096, int)].sum())(table).item()


def subnormal():
    """a subnormal number times a power of two is zero"""
    import jax.numpy as jnp

    return (jnp.float32(2.0**-140) * jnp.float32(2.0**40)).item()


def norm_of_nothing():
    """the length of a times zero, which is zero for every a, has the slope NaN"""
    import jax
    import jax.numpy as jnp

    return jax.grad(lambda a: jnp.linalg.norm(a * jnp.zeros(2)))(1.3).item()


def squared_norm():
    """the square of the length has the gradient NaN at zero"""
    import jax
    import jax.numpy as jnp

    return jax.grad(lambda x: jnp.linalg.norm(x) ** 2)(jnp.zeros(2)).tolist()


def huge_row():
    """a long row has no length: its squares overflow"""
    import jax.numpy as jnp

    row = jnp.array([3e30, 4e30])
    return (row / jnp.linalg.norm(row)).tolist()


NO_ROW = "A table of three rows has no row 7: whatever is given for it is no embedding, and a layer trained on it learns from other rows."
NOWHERE = "There is nowhere to add it; what is left out without a word is missing from a sum that looks right."
FIRST = "4096 is a number of this dtype; each partial sum of it, added wide, is exact."
ZERO = np.zeros((3, 2), np.float32)

JAX = (
    _found("J1", clipped, [5.0, 6.0], REFUSED, NO_ROW, "jax#4383 (documented)", lambda: gather(TABLE, [7]).tolist()),
    _found("J2", clipped_gradient, [[0.0, 0.0], [0.0, 0.0], [1.0, -2.0]], REFUSED, NO_ROW, "jax#5760",
           lambda: gather_vjp(np.array([[1.0, -2.0]], np.float32), ZERO, [7]).to_dense().tolist()),
    _found("J3", filled, [[math.nan] * 2, *[[0.0, 0.0]] * 3], REFUSED, NO_ROW, "jax#7595 (documented)", lambda: gather(ZERO, 7).tolist()),
    _found("J4", dropped, [0.0, 0.0, 0.0], REFUSED, NOWHERE, "jax#7595 (documented)",
           lambda: gather_vjp(np.ones(1), np.zeros(3), [7]).to_dense().tolist()),
    _found("J5", dropped_segment, [1.0, 0.0], REFUSED, NOWHERE, "jax#8634 (documented)",
           lambda: gather_vjp(np.array([1.0, 2.0]), np.zeros(2), [0, 7]).to_dense().tolist()),
    _found("J6", half_sums, 256.0, 4096.0, FIRST, "jax#18440 (of float32)"),
    _found("J7", half_sums_16, 2048.0, 4096.0, FIRST, "jax#18440 (of float32)",
           lambda: gather_vjp(np.ones((4096, 1), np.float16), np.zeros((1, 1), np.float16), np.zeros(4096, int)).values.item()),
    _found("J8", subnormal, 0.0, 2.0**-100, "Factors and product are numbers of float32: no digit is lost.",
           "jax#16200 (as intended)",
           lambda: transform(np.array([2.0**-140], np.float32), mask=np.array([2.0**40], np.float32)).item()),
    _found("J9", norm_of_nothing, math.nan, 0.0, "The function is zero everywhere, and so is its derivative.", "jax#26248",
           lambda: float((norm_vjp(np.array([1.0]), np.zeros((1, 2))) * np.zeros(2)).sum())),
    _found("J10", squared_norm, [math.nan, math.nan], [0.0, 0.0], "|x|^2 is smooth, its gradient is 2x.", "jax#21723 (closed as intended)",
           lambda: power_sum_vjp(1.0, np.zeros((1, 2)))[0].tolist()),
    _found("J11", huge_row, [0.0, 0.0], [0.6, 0.8], "A row of 5e30 has a direction as every other has: (3, 4) / 5.",
           ours=lambda: normalize(np.array([3e30, 4e30], np.float32)).tolist(), rtol=1e-6),
)  # fmt: skip

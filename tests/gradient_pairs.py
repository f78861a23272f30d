"""Pairs of a forward pass and a gradient, sound and wrong, to try judges of gradients on.

Each is ``(forward, vjp, *args)``; those in `STATEFUL` are made anew for each use, since the fault is what they remember.
"""

import math

import numpy as np


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def single(x):
    return x.astype(np.complex64 if np.iscomplexobj(x) else np.float32)


def complex_(*shape):
    return normal(*shape) + 1j * normal(*shape, seed=1)


# ---- smooth functions


def tanh_vjp(g, x):
    return g * (1 - np.tanh(x) ** 2)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_vjp(g, x):
    s = softmax(x)
    return s * (g - (g * s).sum(-1, keepdims=True))


def logsumexp(x):
    m = x.max(-1, keepdims=True)
    return (m + np.log(np.exp(x - m).sum(-1, keepdims=True)))[..., 0]


def logsumexp_vjp(g, x):
    return g[..., None] * softmax(x)


def scatter(x):
    return ((x - x.mean()) ** 2).sum()


def scatter_vjp(g, x):
    return 2 * g * (x - x.mean())


def deviation(x):
    return x.std(-1)


def deviation_vjp(g, x, n=None):
    return (g / x.std(-1))[..., None] * (x - x.mean(-1, keepdims=True)) / (n or x.shape[-1])


def unit(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


def unit_vjp(g, x):
    r = np.sqrt((x * x).sum(-1, keepdims=True))
    return (g - x / r * (g * (x / r)).sum(-1, keepdims=True)) / r


def unit_difference(x, y):
    return unit(x - y)


def unit_difference_vjp(g, x, y):
    d = unit_vjp(g, x - y)
    return d, -d


def distance(x, y):
    return np.sqrt(((x - y) ** 2).sum(-1))


def distance_vjp(g, x, y):
    d = (g / distance(x, y))[..., None] * (x - y)
    return d, -d


def cosine(x, y):
    return (unit(x) * unit(y)).sum(-1)


def cosine_vjp(g, x, y):
    return unit_vjp(g[..., None] * unit(y), x), unit_vjp(g[..., None] * unit(x), y)


def standardize(x):
    return unit(x - x.mean(-1, keepdims=True))


def standardize_vjp(g, x):
    d = unit_vjp(g, x - x.mean(-1, keepdims=True))
    return d - d.mean(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_vjp(g, x):
    return g * sigmoid(x) * (1 - sigmoid(x))


erf = np.vectorize(math.erf, otypes=[float])


def gelu(x):
    return x * 0.5 * (1 + erf(x / math.sqrt(2)))


def gelu_vjp(g, x):
    return g * (0.5 * (1 + erf(x / math.sqrt(2))) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))


def times(x, y):
    return x * y


def times_vjp(g, x, y):
    return g * y, g * x


def matmul_vjp(g, a, b):
    return g @ b.T, a.T @ g


IDS = np.array([0, 2, 2, 1])


def look(table):
    return table[IDS]


def look_vjp(g, table):
    d = np.zeros_like(table)
    np.add.at(d, IDS, g)
    return d


def look_overwriting(g, table):
    d = np.zeros_like(table)
    d[IDS] = g
    return d


def tenth(x):
    return 0.1 * x**2


def cube_vjp(g, z):
    return 3 * g * np.conj(z) ** 2


# ---- functions with kinks, and what different conventions make of them


def largest(x):
    return x.max(-1)


def to_first(g, x):
    d = np.zeros_like(x)
    np.put_along_axis(d, x.argmax(-1)[..., None], np.asarray(g)[..., None], -1)
    return d


def to_last(g, x):
    return to_first(g, x[..., ::-1])[..., ::-1]


def to_all(g, x, share=1.0):
    return share * np.asarray(g)[..., None] * (x == x.max(-1, keepdims=True))


def split(g, x):
    return to_all(g, x) / (x == x.max(-1, keepdims=True)).sum(-1, keepdims=True)


def of_sum(vjp):
    """The vjp of a function of rows as that of its sum."""
    return lambda g, x: vjp(g * np.ones(x.shape[:-1]), x)


def sort_vjp(g, x):
    d = np.zeros_like(x)
    np.put_along_axis(d, np.argsort(x, -1, kind="stable"), g, -1)
    return d


def median_vjp(g, x):
    d, order, n = np.zeros_like(x), np.argsort(x, kind="stable"), len(x)
    for i in ((n - 1) // 2, n // 2):
        d[order[i]] += g / 2
    return d


def highest(x):
    return np.abs(x).max(-1)


def of_abs(vjp):
    return lambda g, x: vjp(g, np.abs(x)) * (x / np.where(x == 0, 1, np.abs(x)))


def relu(x):
    return np.maximum(x, 0)


def relu_vjp(g, x, at=0.0):
    return g * ((x > 0) + at * (x == 0))


def absolute_difference(x, y):
    return np.abs(x - y)


def hinge(x, y):
    return np.maximum(0, 1 - x + y)


def hinge_vjp(g, x, y, at=(0.0, 0.0)):
    z = 1 - x + y
    return -g * ((z > 0) + at[0] * (z == 0)), g * ((z > 0) + at[1] * (z == 0))


def maximum_vjp(x_share, y_share):
    return lambda g, x, y: (g * ((x > y) + x_share * (x == y)), g * ((y > x) + y_share * (x == y)))


def clamp(x):
    return np.clip(x, 0, 1)


def clamp_vjp(low, high):
    return lambda g, x: g * ((x > 0) & (x < 1)) + g * low * (x == 0) + g * high * (x == 1)


def huber(x):
    return np.where(np.abs(x) <= 1, x * x / 2, np.abs(x) - 0.5)


def against_largest(x):
    return x.max(-1, keepdims=True) - x


def mixed(x):
    return np.abs(x[: len(x) // 2]).sum() - np.abs(x[len(x) // 2 :]).sum()


WEIGHTS = np.array([1.0, 2.0, -3.0])
TIE, TIES, ROWS = np.array([2.0, 2, 1]), np.array([2.0, 2, 2]), np.array([[2.0, 2, 2], [1, 3, 3], [0, 0, -1]])
ONES, OTHERS = np.ones(3), np.array([1.0, 0, 1])
ZERO, ZEROS, BOUNDS = np.array([0.0, 1, -1, 0]), np.zeros((1, 3)), np.array([0.0, 0.5, 1, 2])
NINES = np.where(np.arange(4) < 2, 9.0, normal(10, 4))

SOUND = {
    "tanh": (np.tanh, tanh_vjp, normal(3, 4)),
    "tanh, large": (np.tanh, tanh_vjp, 3 * normal(3, 4)),
    "tanh, single": (np.tanh, tanh_vjp, single(normal(3, 4))),
    "tanh, large, single": (np.tanh, tanh_vjp, single(3 * normal(3, 4))),
    "g itself": (lambda x: x, lambda g, x: g, normal(3, 4)),
    "g itself, for two": (lambda x, y: x + y, lambda g, x, y: (g, g), normal(3, 4), normal(4, 3).T),
    "views": (lambda x: x.T, lambda g, x: g.T, normal(3, 4)),
    "broadcast": (lambda x, y: x + y, lambda g, x, y: (g, g.sum(0)), normal(3, 4), normal(4)),
    "matmul": (np.matmul, matmul_vjp, normal(3, 4), normal(4, 2)),
    "matmul, single": (np.matmul, matmul_vjp, single(normal(3, 4)), single(normal(4, 2))),
    "quotient": (lambda x, y: x / y, lambda g, x, y: (g / y, -g * x / y**2), normal(3, 4), 2 + normal(3, 4, seed=1) ** 2),
    "softmax": (softmax, softmax_vjp, normal(3, 4)),
    "softmax, far out": (softmax, softmax_vjp, normal(3, 4) + 1e6),
    "softmax, single": (softmax, softmax_vjp, single(normal(3, 4))),
    "logsumexp, far out": (logsumexp, logsumexp_vjp, normal(3, 4) + 1e6),
    "logsumexp, spread": (logsumexp, logsumexp_vjp, 5 * normal(3, 4)),
    "scatter": (scatter, scatter_vjp, normal(2, 3)),
    "scatter at 1e3": (scatter, scatter_vjp, normal(2, 3) + 1e3),
    "scatter at 1e6": (scatter, scatter_vjp, normal(2, 3) + 1e6),
    "scatter at 1e8": (scatter, scatter_vjp, normal(2, 3) + 1e8),
    "scatter at 1e3, single": (scatter, scatter_vjp, single(normal(2, 3) + 1e3)),
    "deviation at 1e6": (deviation, deviation_vjp, normal(3, 4) + 1e6),
    "standardize": (standardize, standardize_vjp, normal(3, 5)),
    "standardize, single": (standardize, standardize_vjp, single(normal(3, 5))),
    "unit rows of one": (unit, unit_vjp, normal(3, 1)),
    "unit, nearly parallel": (unit_difference, unit_difference_vjp, 1e5 * normal(2, 4), 1e5 * normal(2, 4) + normal(4, 2).T),
    "unit, large and small": (unit, unit_vjp, np.array([[1e8, 1.0, 1e-8, -3.0]])),
    "unit, half": (unit, unit_vjp, normal(3, 4).astype(np.float16)),
    "distance, near": (distance, distance_vjp, normal(2, 4) + 1e5, normal(2, 4) + 1e5 + 1e-2 * normal(4, 2).T),
    "cosine": (cosine, cosine_vjp, normal(2, 4), normal(2, 4, seed=1)),
    "squares, large and small": (
        lambda x: (x * x).sum(-1),
        lambda g, x: 2 * g[..., None] * x,
        np.array([[1e8, 1.0, 1e-8, -3.0]]),
    ),
    "square, half": (np.square, lambda g, x: 2 * g * x, normal(3, 4).astype(np.float16)),
    "sigmoid": (sigmoid, sigmoid_vjp, 3 * normal(3, 4)),
    "gelu": (gelu, gelu_vjp, normal(3, 4)),
    "expm1, tiny": (np.expm1, lambda g, x: g * np.exp(x), 1e-8 * normal(3, 4)),
    "product": (lambda x: x.prod(-1), lambda g, x: (g * x.prod(-1))[..., None] / x, normal(3, 4)),
    "running sum": (lambda x: x.cumsum(-1), lambda g, x: g[..., ::-1].cumsum(-1)[..., ::-1], normal(3, 4)),
    "lookup": (look, look_vjp, normal(3, 4)),
    "lookup, single": (look, look_vjp, single(normal(3, 4))),
    "determinant": (np.linalg.det, lambda g, a: g * np.linalg.det(a) * np.linalg.inv(a).T, normal(3, 3) + 3 * np.eye(3)),
    "fast sine": (lambda x: np.sin(1e4 * x), lambda g, x: 1e4 * g * np.cos(1e4 * x), normal(3, 4)),
    "times, mixed": (times, times_vjp, single(normal(3, 4)), normal(3, 4, seed=1)),
    "times, each in its own": (times, lambda g, x, y: (single(g * y), g * x), single(normal(3, 4)), normal(3, 4, seed=1)),
    "single inside": (lambda x: single(x) ** 3, cube_vjp, normal(3, 4)),
    "complex cube": (lambda z: z**3, cube_vjp, complex_(2, 3)),
    "complex cube, single": (lambda z: z**3, cube_vjp, single(complex_(2, 3))),
    "relu": (relu, relu_vjp, ZERO),
    "relu, one": (relu, lambda g, x: relu_vjp(g, x, 1.0), ZERO),
    "relu, half, summed": (lambda x: relu(x).sum(), lambda g, x: relu_vjp(g, x, 0.5), np.zeros(9)),
    "leaky relu": (lambda x: np.where(x > 0, x, 0.1 * x), lambda g, x: g * np.where(x > 0, 1, 0.1), ZERO),
    "relu, squared": (lambda x: relu(x) ** 2, lambda g, x: 2 * g * relu(x), ZERO),
    "huber at its bounds": (huber, lambda g, x: g * np.clip(x, -1, 1), np.array([1.0, -1, 0, 0.5, 3])),
    "max, first": (largest, to_first, TIE),
    "max, last": (largest, to_last, TIE),
    "max, split": (largest, split, TIES),
    "max of rows, first": (largest, to_first, ROWS),
    "max of rows, split, summed": (lambda x: x.max(-1).sum(), of_sum(split), ROWS),
    "min, first": (lambda x: x.min(-1), lambda g, x: to_first(g, -x), np.array([1.0, 1, 2, 1])),
    "sorted": (np.sort, sort_vjp, np.array([[2.0, 2, 1], [3, 3, 3]])),
    "median of equals": (np.median, median_vjp, TIES),
    "median, two equal": (np.median, median_vjp, np.array([2.0, 2, 1, 5, 0])),
    "median, even": (np.median, median_vjp, np.array([2.0, 2, 2, 5])),
    "|sum|, zero": (lambda x: np.abs(x.sum()), lambda g, x: g * np.sign(x.sum()) * np.ones_like(x), np.array([1.0, 1, -2])),
    "|sum|, one": (lambda x: np.abs(x.sum()), lambda g, x: g * np.ones_like(x), np.array([1.0, 1, -2])),
    "|weighted sum|": (lambda x: np.abs(x @ WEIGHTS), lambda g, x: 0.3 * g * WEIGHTS, ONES),
    "maximum, half": (np.maximum, maximum_vjp(0.5, 0.5), ONES, OTHERS),
    "maximum, one side, summed": (lambda x, y: np.maximum(x, y).sum(), maximum_vjp(1, 0), ONES, OTHERS),
    "|difference|": (absolute_difference, lambda g, x, y: (g * np.sign(x - y), -g * np.sign(x - y)), ONES, OTHERS),
    "inf norm, first": (highest, of_abs(to_first), np.array([[2.0, -2, 1], [0, 1, -1]])),
    "inf norm, split": (highest, of_abs(split), np.array([[2.0, -2, 1], [0, 1, -1]])),
    "inf norm of zeros": (highest, of_abs(split), ZEROS),
    "2-norm of zeros": (lambda x: np.sqrt((x * x).sum(-1)), lambda g, x: 0 * x, ZEROS),
    "1-norm with zeros": (lambda x: np.abs(x).sum(-1), lambda g, x: g[..., None] * np.sign(x), np.array([[0.0, 0, 1, -2]])),
    "distance of equals": (distance, lambda g, x, y: (0 * x, 0 * y), np.ones((1, 3)), np.ones((1, 3))),
    "hinge": (hinge, hinge_vjp, np.array([1.0, 2, 0]), np.array([0.0, 1, 0])),
    "hinge, one": (hinge, lambda *args: hinge_vjp(*args, at=(1.0, 1.0)), np.array([1.0, 2, 0]), np.array([0.0, 1, 0])),
    "clamp": (clamp, clamp_vjp(1, 1), BOUNDS),
    "clamp, half-open": (clamp, clamp_vjp(1, 0), BOUNDS),
    "signs mixed": (mixed, lambda g, x: g * np.ones(6), np.zeros(6)),
    "relu minus clamp": (lambda x: relu(x[0]) - clamp(x[1]), lambda g, x: g * np.array([0.0, -1]), np.zeros(2)),
    "max of softplus": (lambda x: np.logaddexp(x, 0).max(), lambda g, x: to_first(g, x) * sigmoid(x), TIE),
    "softmax of a maximum": (
        lambda x: softmax(np.maximum(x, 1.0)),
        lambda g, x: softmax_vjp(g, np.maximum(x, 1.0)) * (x > 1),
        np.array([1.0, 2, 0]),
    ),
    "largest minus each": (against_largest, lambda g, x: to_first(g.sum(-1), x) - g, np.array([[2.0, 2, 1]])),
    "modulus at zero": (np.abs, of_abs(lambda g, r: g), np.array([0j, 1 + 1j])),
    "largest modulus": (lambda z: np.abs(z).max(), of_abs(to_first), np.array([3 + 4j, 5j, 1])),
}

FAINT = {  # sound, and not to be seen everywhere: neither right nor wrong
    "standardize at 1e5": (standardize, standardize_vjp, normal(3, 5) + 1e5),
    "cosine, nearly parallel": (cosine, cosine_vjp, normal(2, 4), 2 * normal(2, 4) + 1e-6 * normal(4, 2).T),
    "softmax, large and small": (softmax, softmax_vjp, np.array([[30.0, 0, -30, 1e-8]])),
    "softmax, nearly equal": (softmax, softmax_vjp, np.array([[1e-160, 0, 3e-160]])),
    "single inside both": (
        lambda x: (single(x) ** 3).astype(float),
        lambda g, x: cube_vjp(single(g), single(x)) + 0.0 * x,
        normal(3, 4),
    ),
    "fast sine, far out": (np.sin, lambda g, x: g * np.cos(x), 1e20 * normal(3, 4)),
    "square, underflowing": (np.square, lambda g, x: 2 * g * x, 1e-200 * normal(3)),
}


def spoilt(name, change, *args):
    """A sound pair with another gradient."""
    forward, vjp, *own = SOUND[name]

    def changed(g, *args):
        d = vjp(g, *args)
        return tuple(map(change, d)) if isinstance(d, tuple) else change(d)

    return forward, changed, *(args or own)


def instead(name, vjp, *args):
    """The forward pass of a sound pair with that vjp."""
    return SOUND[name][0], vjp, *(args or SOUND[name][2:])


def factor(by):
    return lambda d: d * d.dtype.type(by)


SHORT = {  # digits lost, or a factor that is nearly one
    **{f"{name}, 1 + 1e-5": spoilt(name, factor(1 + 1e-5)) for name in SOUND if ", single" in name and "scatter" not in name},
    "square, half, 1.05": spoilt("square, half", factor(1.05)),
    **{f"{name}, 1 + 1e-9": spoilt(name, factor(1 + 1e-9)) for name in ("tanh", "softmax", "matmul", "lookup", "gelu")},
    "logsumexp, 1 + 1e-9": spoilt("logsumexp, spread", factor(1 + 1e-9)),
    "complex cube, 1 + 1e-9": spoilt("complex cube", factor(1 + 1e-9)),
    "scatter at 1e6, 1 + 1e-6": spoilt("scatter at 1e6", factor(1 + 1e-6)),
    "x rounded": instead("tanh", lambda g, x: tanh_vjp(g, single(x).astype(float))),
    "g rounded": instead("tanh", lambda g, x: tanh_vjp(single(g).astype(float), x)),
    "a constant in single precision": (tenth, lambda g, x: g * np.float32(0.1) * 2 * x, normal(3, 4)),
    "a constant in half precision": (tenth, lambda g, x: g * np.float16(0.1) * 2 * x, normal(3, 4)),
    "pi to eight digits": (lambda x: np.sin(math.pi * x), lambda g, x: 3.1415927 * g * np.cos(math.pi * x), normal(3, 4)),
    "eps that is not there": (np.log, lambda g, x: g / (x + 1e-8), normal(3, 4) ** 2 + 0.1),
}
HALVED = {  # to a shorter dtype, and left in it or brought back
    **{
        f"{name}, left in single precision": spoilt(name, single)
        for name in ("tanh", "softmax", "matmul", "lookup", "complex cube")
    },
    **{
        f"{name}, through single precision": spoilt(name, lambda d: single(d) + 0.0 * d)
        for name in ("tanh", "gelu", "complex cube")
    },
    "tanh, through half": spoilt("tanh, single", lambda d: d.astype(np.float16).astype(np.float32)),
    "tanh, left in half": spoilt("tanh, single", lambda d: d.astype(np.float16)),
    "times, halved": instead("times, mixed", lambda g, x, y: (single(g * y), single(g * x))),
}
AT_KINKS = {  # what each entry alone allows, and a direction through several does not
    "max, all": instead("max, first", to_all),
    "max, all of three": instead("max, first", to_all, TIES),
    "max, none": instead("max, first", lambda g, x: 0 * x),
    "max, half of three": instead("max, first", lambda g, x: to_all(g, x, 0.5), np.array([2.0, 2, 2, 1])),
    "max, 0.6": instead("max, first", lambda g, x: to_all(g, x, 0.6)),
    "max of rows, all": instead("max of rows, first", to_all),
    "max of rows, all, summed": instead("max of rows, split, summed", of_sum(to_all)),
    "max of many rows, all, summed": instead("max of rows, split, summed", of_sum(to_all), NINES),
    "min, all": instead("min, first", lambda g, x: to_all(g, -x)),
    "sorted, the largest for all": instead(
        "sorted", lambda g, x: np.where(x[..., :1] == x, g[..., -1:], sort_vjp(g, x)), np.array([[2.0, 2, 1]])
    ),
    "median, all": instead("median of equals", lambda g, x: g * np.ones(3)),
    "median, none": instead("median of equals", lambda g, x: 0 * x),
    "median, all, even": instead("median, even", lambda g, x: g * (x == 2)),
    "|sum|, signs mixed": instead("|sum|, zero", lambda g, x: g * np.array([1.0, -1, 0])),
    "|sum|, one left out": instead("|sum|, zero", lambda g, x: g * np.array([1.0, 1, 0])),
    "|weighted sum|, a sign": instead("|weighted sum|", lambda g, x: 0.3 * g * np.abs(WEIGHTS)),
    "maximum, both": instead("maximum, half", maximum_vjp(1, 1)),
    "maximum, neither": instead("maximum, half", maximum_vjp(0, 0)),
    "maximum, both, summed": instead("maximum, one side, summed", maximum_vjp(1, 1)),
    "maximum, both, broadcast": (
        np.maximum,
        lambda g, x, y: (g * (x >= y), (g * (y >= x)).sum(0)),
        np.ones((2, 2)),
        np.array([1.0, 0]),
    ),
    "minimum, both": (np.minimum, lambda g, x, y: (g * (x <= y), g * (y <= x)), ONES, OTHERS),
    "|difference|, both up": instead("|difference|", lambda g, x, y: (g * np.where(x >= y, 1, -1), g * np.where(y >= x, 1, -1))),
    "inf norm, all": instead("inf norm, first", of_abs(to_all)),
    "inf norm of zeros, ones": instead("inf norm of zeros", lambda g, x: g[..., None] * np.ones((1, 3))),
    "2-norm of zeros, ones": instead("2-norm of zeros", lambda g, x: g[..., None] * np.ones((1, 3))),
    "hinge, one side": instead("hinge", lambda *args: hinge_vjp(*args, at=(0.0, 1.0))),
    "max of softplus, all": instead("max of softplus", lambda g, x: to_all(g, x) * sigmoid(x)),
    "largest minus each, all": instead("largest minus each", lambda g, x: to_all(g.sum(-1), x) - g),
    "modulus at zero, 1 + i": instead("modulus at zero", lambda g, z: g * np.where(z == 0, 1 + 1j, z / (np.abs(z) + (z == 0)))),
    "largest modulus, all": instead("largest modulus", of_abs(to_all)),
    "relu of x minus relu of -x": (lambda x: relu(x) - relu(-x), lambda g, x: relu_vjp(g, x) + relu_vjp(g, -x), ZERO),
    "beside a tie, split": instead("max, first", lambda g, x: g * np.array([0.5, 0.5, 0]), np.array([2.0, 2 + 1e-9, 1])),
    "huber, zero at its bounds": instead("huber at its bounds", lambda g, x: g * np.where(np.abs(x) >= 1, 0, x)),
}
PLAIN = {  # wrong anywhere
    "the arguments swapped": (times, lambda g, x, y: (g * x, g * y), normal(3, 4), normal(3, 4, seed=1)),
    "a mean for a sum": instead("broadcast", lambda g, x, y: (g, g.mean(0))),
    "the last of equal ids": instead("lookup", look_overwriting),
    "the diagonal alone": instead("softmax", lambda g, x: g * softmax(x) * (1 - softmax(x))),
    "no conjugate": instead("complex cube", lambda g, z: 3 * g * z**2),
    "n - 1": instead("deviation at 1e6", lambda g, x: deviation_vjp(g, x, 3)),
    "no mean": instead("standardize", lambda g, x: unit_vjp(g, x - x.mean(-1, keepdims=True))),
    "gradients clipped": instead("tanh", lambda g, x: np.clip(tanh_vjp(g, x), -10, 10)),
    "g clipped": instead("tanh", lambda g, x: tanh_vjp(np.clip(g, -2, 2), x)),
}


class Memory:
    """What a fault remembers."""

    def __init__(self):
        self.kept, self.calls = None, 0

    def buffer(self, x):
        if self.kept is None:
            self.kept = np.zeros_like(x)
        return self.kept

    def uncleared(self, g, table):
        np.add.at(self.buffer(table), IDS, g)
        return self.kept.copy()

    def reused(self, g, x):
        return np.multiply(g, 1 - np.tanh(x) ** 2, out=self.buffer(x))

    def every_other(self, g, x):
        self.calls += 1
        return tanh_vjp(g, x) * (1 if self.calls % 2 else 2)

    def from_the_third_on(self, g, x):
        self.calls += 1
        return tanh_vjp(g, x) * (self.calls < 3)

    def remembering(self, x):
        self.kept = np.tanh(x)
        return self.kept.copy()

    def of_the_last(self, g, x):
        return g * (1 - self.kept**2)

    def of_the_first(self, g, x):
        if self.kept is None:
            self.kept = 1 - np.tanh(x) ** 2
        return g * self.kept

    def tanh_into_a_buffer(self, x):
        return np.tanh(x, out=self.buffer(x))

    def counted(self, x):
        self.calls += 1
        return np.tanh(x) + self.calls


def remembered(vjp=None, forward=None, name="tanh"):
    def made():
        memory = Memory()
        one, other, *args = SOUND[name]
        return getattr(memory, forward) if forward else one, getattr(memory, vjp) if vjp else other, *args

    return made


def _in_place(g, x):
    g *= 1 - np.tanh(x) ** 2
    return g


def _reshaped(g, x):
    d = tanh_vjp(g, x)
    g.shape = (-1,)
    return d


def _sorting(g, x):
    d = sort_vjp(g, x)
    g.sort()
    return d


def _into_y(g, x, y):
    d = times_vjp(g, x, y)
    y += 1
    return d


def _sorting_ids(g, table, ids):
    d = np.zeros_like(table)
    np.add.at(d, ids, g)
    ids.sort()
    return d


def _forward_in_place(x):
    return np.tanh(x, out=x)


def _forward_that_nudges(x):
    out = np.tanh(x)
    x += 1e-9
    return out


STATEFUL = {  # and what is said of it
    "g in place": (lambda: instead("tanh", _in_place), "changes g in place"),
    "the shape of g": (lambda: instead("tanh", _reshaped), "changes g in place"),
    "g sorted": (lambda: instead("sorted", _sorting, normal(3, 4)), "changes g in place"),
    "another argument in place": (lambda: (times, _into_y, normal(3, 4), normal(3, 4, seed=1)), "changes y in place"),
    "ids in place": (lambda: (lambda table, ids: table[ids], _sorting_ids, normal(3, 4), IDS.copy()), "changes ids in place"),
    "a list of ids": (lambda: (lambda table, ids: table[ids], _sorting_ids, normal(3, 4), IDS.tolist()), "changes ids in place"),
    "x in place, forward": (lambda: (_forward_in_place, tanh_vjp, normal(3, 4)), "_forward_in_place changes x in place"),
    "x nudged, forward": (lambda: (_forward_that_nudges, tanh_vjp, normal(3, 4)), "_forward_that_nudges changes x in place"),
    "a buffer that is not cleared": (remembered("uncleared", name="lookup"), "is another when uncleared is called again"),
    "a buffer that is used again": (remembered("reused"), "changes the dx that an earlier one returned"),
    "every other call": (remembered("every_other"), "is another when every_other is called again"),
    "from the third call on": (remembered("from_the_third_on"), "is another when from_the_third_on is called again"),
    "of the last forward pass": (remembered("of_the_last", "remembering"), "is another when of_the_last is called again"),
    "of the first arguments": (remembered("of_the_first"), ""),
    "forward into a buffer": (remembered(forward="tanh_into_a_buffer"), "a later call of tanh_into_a_buffer changes what"),
    "forward that counts": (remembered(forward="counted"), "counted gives something else when it is called again"),
}

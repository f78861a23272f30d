"""A sound embedding layer in plain NumPy, as somebody else would write one: to be spoilt in `wrong_layers`, and judged by the kit."""

import itertools
from typing import ClassVar

import numpy as np


class Plain:
    """Every option of both layers, dense gradients, loops where loops are clearest; the conventions are class attributes."""

    capabilities = frozenset((
        "lookup", "float16", "float32", "float64", "complex64", "complex128", "row_shape", "padding_idx", "max_norm", "norm_type",
        "scale_grad_by_freq", "frozen", "normalizer", "constrainer", "optimizer", "mode", "weights", "include_last_offset",
    ))  # fmt: skip
    accumulation, clamp_edge, clamp_norm_edge, inf_norm_ties, max_norm_writes = "wide", "pass", "project", "split", "table"
    max_norm_slack, max_ties, norm_at_zero, slope_at_zero, missing_rows = 0.0, "first", "divide", 0.0, "dense"
    step_count, frozen_max_norm, id_kinds = "table", "shortened", "iu"

    def __init__(
        self, table, *, padding_idx=None, max_norm=None, norm_type=2, scale_grad_by_freq=False, trainable=True, normalizer=None,
        normalizer_options=None, constrainer=None, constrainer_options=None, optimizer=None, optimizer_options=None, mode=None,
        include_last_offset=False,
    ):  # fmt: skip
        self.table, self.trainable, self.n = self.own(table), trainable, len(table)
        if padding_idx is not None and not -self.n <= padding_idx < self.n:
            raise ValueError("padding_idx")
        self.padding = None if padding_idx is None else padding_idx % self.n
        self.max_norm, self.norm_type, self.by_freq = max_norm, norm_type, scale_grad_by_freq
        self.normalizer, self.normalizer_options = normalizer, normalizer_options or {}
        self.constrainer, self.constrainer_options = constrainer, constrainer_options or {}
        self.optimizer, self.options = optimizer, optimizer_options or {}
        if self.options.get("lr", 0) < 0 or (self.options.get("nesterov") and not self.options.get("momentum")):
            raise ValueError("optimizer")
        if mode not in (None, "sum", "mean", "max"):
            raise ValueError("mode")
        self.mode, self.include_last_offset, self.state, self.t = mode, include_last_offset, {}, 0

    def own(self, table):
        return table.copy()

    # ---- rows

    def valid(self, ids):
        ids = np.asarray(ids)
        if ids.dtype.kind not in self.id_kinds or ((ids < 0) | (ids >= self.n)).any():
            raise IndexError("ids")
        return ids.astype(np.int64)

    def lookup(self, ids, offsets=None, weights=None):
        self.ids = ids = self.valid(ids)
        if self.mode is not None:
            self.cut(ids, offsets, weights)
        seen = self.shortened(ids) if self.max_norm is not None else self.table
        if self.mode is not None:
            return self.pooled(seen)
        self.rows = seen[ids]
        return self.rows if self.normalizer is None else self.mapped(self.normalizer, self.rows, **self.normalizer_options)

    def shortened(self, ids):
        new = self.table.copy()
        for i in self.asked(ids):
            row = self.wide(new[i])
            n = self.norm(row.reshape(-1), self.norm_type).item()
            if n > self.max_norm:
                new[i] = row * self.max_norm / (n + self.max_norm_slack)
        if self.max_norm_writes == "table" and (self.trainable or self.frozen_max_norm == "shortened"):
            self.table[...] = new
        return new

    def wide(self, x):
        return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)

    def asked(self, ids):
        return np.unique(ids)

    def backward(self, g):
        if self.mode is not None:
            return self.unpooled(g)
        if g.shape != (*self.ids.shape, *self.table.shape[1:]):
            raise ValueError("g")
        drows = g if self.normalizer is None else self.mapped_vjp(self.normalizer, g, self.rows, **self.normalizer_options)
        drows = drows.reshape(self.ids.size, *self.table.shape[1:])
        if self.by_freq:
            drows = self.shared(drows)
        return self.without_padding(self.added(self.ids.reshape(-1), drows))

    def shared(self, drows):
        flat = self.ids.reshape(-1)
        return drows / self.counts()[flat].reshape(-1, *[1] * (drows.ndim - 1)).astype(drows.real.dtype)

    def counts(self):
        return np.bincount(self.ids.reshape(-1), minlength=self.n)

    def added(self, ids, drows):
        total = np.zeros_like(self.wide(self.table) if self.accumulation == "wide" else self.table)
        np.add.at(total, ids, drows)
        self.last_ids = ids
        return total.astype(self.table.dtype)

    def without_padding(self, gradient):
        if self.padding is not None:
            gradient[self.padding] = 0
        self.gradient = gradient
        return gradient

    # ---- bags

    def cut(self, ids, offsets, weights):
        if (ids.ndim == 2) != (offsets is None):
            raise ValueError("offsets")
        if weights is not None and (self.mode != "sum" or weights.shape != ids.shape):
            raise ValueError("weights")
        flat = ids.reshape(-1)
        starts = np.arange(len(ids)) * ids.shape[1] if offsets is None else offsets
        if (np.diff(starts) < 0).any() or (starts.size and (starts[0] != 0 or starts[-1] > flat.size)):
            raise ValueError("offsets")
        self.bags = self.places(flat, self.bounds(starts, flat.size))
        self.flat, self.weights = flat, None if weights is None else weights.reshape(-1)

    def bounds(self, starts, n):
        return starts if self.include_last_offset else np.append(starts, n)

    def places(self, flat, bounds):
        return [[j for j in range(a, b) if flat[j] != self.padding] for a, b in itertools.pairwise(bounds)]

    def pooled(self, table):
        self.seen = table
        return np.array([self.bag(table[self.flat[bag]], bag) for bag in self.bags], table.dtype).reshape(
            len(self.bags), *table.shape[1:]
        )

    def bag(self, rows, bag):
        if not bag:
            return self.nothing(rows)
        if self.weights is not None:
            rows = rows * self.along(self.weights[bag], rows)
        return {"sum": rows.sum(0), "mean": rows.sum(0) / self.size(bag), "max": self.largest(rows)}[self.mode]

    def along(self, numbers, rows):
        return numbers.reshape(-1, *[1] * (rows.ndim - 1))

    def nothing(self, rows):
        return np.zeros(rows.shape[1:])

    def size(self, bag):
        return len(bag)

    def largest(self, rows):
        return rows.max(0)

    def unpooled(self, g):
        d = np.zeros_like(self.wide(self.table), shape=(self.flat.size, *self.table.shape[1:]))
        dw = np.zeros(self.flat.size, self.table.dtype)
        for bag, row in zip(self.bags, g, strict=True):
            if bag:
                rows = self.seen[self.flat[bag]]
                d[bag], dw[bag] = self.bag_vjp(row, rows, bag), rows.reshape(len(bag), -1) @ row.reshape(-1)
        if self.by_freq:
            d = d / self.along(self.bag_counts()[self.flat], d)
        self.weight_gradient = dw.reshape(self.ids.shape)
        return self.without_padding(self.added(self.flat, d))

    def bag_counts(self):
        return np.bincount(self.flat, minlength=self.n)

    def bag_vjp(self, g, rows, bag):
        if self.mode == "max":
            top = rows == rows.max(0)
            if self.max_ties != "split":
                one = top.argmax(0) if self.max_ties == "first" else len(rows) - 1 - top[::-1].argmax(0)
                top = self.along(np.arange(len(rows)), rows) == one
            return g * top / top.sum(0)
        if self.weights is not None:
            return self.weighted(g, bag)
        return np.broadcast_to(g / (self.size(bag) if self.mode == "mean" else 1), rows.shape)

    def weighted(self, g, bag):
        return self.along(self.weights[bag], g[None]) * g

    # ---- maps of rows; a complex row is one of twice as many reals

    def reals(self, x):
        return np.ascontiguousarray(x).view(x.real.dtype).astype(np.float64)

    def whole(self, x):
        return np.ascontiguousarray(x, self.table.real.dtype).view(self.table.dtype)

    BLOCKS: ClassVar = {"complex_normalize": 2, "quaternion_normalize": 4}

    def mapped(self, name, x, **options):
        if name in self.BLOCKS:
            return self.joined(self.normalize(self.split(name, x), eps=0.0), x)
        return self.whole(self.map_of(name)(self.reals(x), **options))

    def mapped_vjp(self, name, g, x, **options):
        if name in self.BLOCKS:
            return self.joined(self.normalize_vjp(self.split(name, g), self.split(name, x), eps=0.0), x)
        return self.whole(getattr(self, f"{name}_vjp")(self.reals(g), self.reals(x), **options))

    def map_of(self, name):
        return {"normalize": self.normalize, "softmax": self.softmax, "clamp": self.clamp, "clamp_norm": self.clamp_norm}[name]

    def split(self, name, x):
        return np.ascontiguousarray(x).view(x.real.dtype).reshape(*x.shape[:-1], -1, self.BLOCKS[name]).astype(np.float64)

    def joined(self, blocks, x):
        return blocks.astype(x.real.dtype).reshape(*x.shape[:-1], -1).view(x.dtype)

    def norm(self, x, p):
        size = np.abs(x)
        m = size.max(-1, keepdims=True)
        if p == np.inf:
            return m
        safe = np.where(m == 0, 1, m)
        return m * ((size / safe) ** p).sum(-1, keepdims=True) ** (1 / p)

    def normalize(self, x, p=2, eps=1e-12):
        n = np.maximum(self.norm(x, p), eps)
        return x / np.where(n == 0, 1, n)

    def slope(self, u, p):
        if p == 1:
            return np.where(u == 0, self.slope_at_zero, np.sign(u))
        if p == np.inf:
            top = np.abs(u) == np.abs(u).max(-1, keepdims=True)
            if self.inf_norm_ties == "split":
                return np.sign(u) * top / top.sum(-1, keepdims=True)
            rank = np.cumsum(top, -1)
            return np.sign(u) * (top & (rank == (1 if self.inf_norm_ties == "first" else rank[..., -1:])))
        return np.sign(u) * np.abs(u) ** (p - 1)

    def normalize_vjp(self, g, x, p=2, eps=1e-12):
        n = self.norm(x, p)
        safe = np.where(n == 0, 1, n)
        u = x / safe
        d = self.unit_vjp(g, u, self.slope(u, p), safe)
        d = np.where(n < eps, g / (eps or 1), d)
        return np.where((n == 0) & ((self.norm_at_zero == "stop") | (eps == 0)), 0, d)

    def unit_vjp(self, g, u, s, n):
        return (g - s * (g * u).sum(-1, keepdims=True)) / n

    def softmax(self, x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def softmax_vjp(self, g, x):
        s = Plain.softmax(self, x)
        return s * (g - (s * g).sum(-1, keepdims=True))

    def clamp(self, x, min=None, max=None):
        if min is None and max is None:
            raise ValueError("clamp")
        return np.clip(x, min, max)

    def clamp_vjp(self, g, x, min=-np.inf, max=np.inf):
        low, high = {"pass": (1, 1), "stop": (0, 0), "half": (0.5, 0.5), "pass_min": (1, 0), "pass_max": (0, 1)}[self.clamp_edge]
        return g * np.where(x == min, low, np.where(x == max, high, (x > min) & (x < max)))

    def clamp_norm(self, x, maxnorm, p=2):
        n = self.norm(x, p)
        return np.where(n > maxnorm, x * (maxnorm / np.where(n == 0, 1, n)), x)

    def clamp_norm_vjp(self, g, x, maxnorm, p=2):
        n = self.norm(x, p)
        at = {"project": 0, "pass": 1, "half": 0.5}[self.clamp_norm_edge]
        inside = np.where(n == maxnorm, at, n < maxnorm)
        return inside * g + (1 - inside) * maxnorm * self.normalize_vjp(g, x, p, 0.0)

    # ---- after the backward pass

    def constrain(self):
        if self.trainable:
            self.table[...] = self.mapped(self.constrainer, self.table, **self.constrainer_options)

    def step(self):
        if self.trainable:
            self.t += 1
            rows = self.moving()
            self.table[rows] = self.whole(self.moved(self.reals(self.table[rows]), self.reals(self.gradient[rows]), rows))

    def moving(self):
        rows = np.arange(self.n)
        return (
            rows if self.missing_rows == "dense" else np.setdiff1d(self.last_ids, [-1 if self.padding is None else self.padding])
        )

    def moved(self, x, g, rows):
        self.kept("taken")[rows] += 1
        self.now = self.t if self.step_count == "table" else self.kept("taken")[rows]
        return getattr(self, self.optimizer)(x, g, rows, **self.options)

    def kept(self, name):
        return self.state.setdefault(name, np.zeros_like(self.reals(self.table)))

    def sgd(self, x, g, rows, lr, momentum=0, dampening=0, nesterov=False, weight_decay=0, maximize=False):
        g = (-g if maximize else g) + weight_decay * x
        if momentum:
            b = self.kept("b")
            b[rows] = momentum * b[rows] + np.where(self.undampened(), 1, 1 - dampening) * g
            g = self.nesterov(g, b[rows], momentum) if nesterov else b[rows]
        return x - lr * g

    def undampened(self):
        return self.now == 1

    def nesterov(self, g, b, momentum):
        return g + momentum * b

    def adagrad(self, x, g, rows, lr, lr_decay=0, eps=1e-10, weight_decay=0, maximize=False):
        g = (-g if maximize else g) + weight_decay * x
        s = self.kept("s")
        s[rows] += self.squares(g)
        return x - lr / (1 + (self.now - 1) * lr_decay) * g / self.root(s[rows], eps)

    def squares(self, g):
        return g * g

    def root(self, s, eps):
        return np.sqrt(s) + eps

    def adam(self, x, g, rows, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, maximize=False):
        g = (-g if maximize else g) + weight_decay * x
        m, v, top = self.kept("m"), self.kept("v"), self.kept("top")
        m[rows] += (1 - betas[0]) * (g - m[rows])
        v[rows] += (1 - betas[1]) * (g * g - v[rows])
        top[rows] = np.maximum(top[rows], v[rows]) if amsgrad else v[rows]
        return x - lr * self.corrected(m[rows], top[rows], betas, eps)

    def corrected(self, m, v, betas, eps):
        return m / (1 - betas[0] ** self.now) / (np.sqrt(v / (1 - betas[1] ** self.now)) + eps)

    def adamw(self, x, g, rows, lr, weight_decay, **options):
        return self.adam(x * (1 - lr * weight_decay), g, rows, lr, **options)

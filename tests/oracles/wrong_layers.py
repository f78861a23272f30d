"""Bugs that embedding layers have had, each rebuilt as a small change to a sound layer; and layers that are sound by other conventions.

`BUGS`: name, layer, what the kit is to say of it, and where it was seen. `HIDDEN`: name, layer, the topic that alone shows it, and
what is then said: bugs that depend on a size, and bugs of options that meet.
"""

from typing import ClassVar

import numpy as np
from plain_layer import Plain

BUGS: list = []
HIDDEN: list = []


def bug(cause, seen):
    """Register a wrong layer."""

    def keep(layer):
        BUGS.append((layer.__name__, layer, cause, seen))
        return layer

    return keep


# ---- adding up


@bug("the last gradient of a repeated id overwrites the others", "tracel-ai/burn#5296")
class Overwrites(Plain):
    def added(self, ids, drows):
        total = super().added(ids, drows)
        total[ids] = drows
        return total


@bug("the first gradient of a repeated id alone counts", "a unique() that drops the other occurrences")
class FirstOnly(Plain):
    def added(self, ids, drows):
        unique, first = np.unique(ids, return_index=True)
        return super().added(unique, drows[first])


@bug("the gradients of a repeated id are averaged", "scikit-kge")
class Averages(Plain):
    def added(self, ids, drows):
        total = super().added(ids, drows)
        counts = np.maximum(np.bincount(ids, minlength=self.n), 1)
        return (total / counts.reshape(-1, *[1] * (total.ndim - 1))).astype(total.dtype)


@bug("a half-precision sum that stops at 2048", "tenstorrent/tt-metal#36341, apache/mxnet#17703, torch 2.13 (T12)")
class AddsInHalf(Plain):
    accumulation = "table"


@bug("one-id|rows-of-one-number.*not lost|no step is lost", "torch 2.13 (T1): a sparse gradient with one entry of one column")
class LosesOneByOne(Plain):
    def added(self, ids, drows):
        return super().added(ids, drows) * (0 if drows.size == 1 else 1)


@bug("shape of the ids|stands where its id stands|read by position", "safetensors#825: memory order for logical order")
class ReadsMemoryOrder(Plain):
    def lookup(self, ids, *more):
        return super().lookup(np.ravel(ids, order="K").reshape(ids.shape), *more)


@bug("no digit is lost on the way", "PyKEEN 1.11.1 (F13): a float32 term in a float64 model")
class ThroughSingle(Plain):
    def added(self, ids, drows):
        return super().added(ids, drows).astype(np.float32).astype(self.table.dtype)


@bug("dtype float32, float64 is right", "PyKEEN 1.11.1 (F13, P9): the dtype changes on the way")
class ReturnsSingle(Plain):
    def added(self, ids, drows):
        return super().added(ids, drows).astype(np.float32)


# ---- ids


@bug("The id -1 names no row", "NumPy, JAX: a negative id wraps around")
class Wraps(Plain):
    def valid(self, ids):
        return super().valid(np.where((ids < 0) & (ids >= -self.n), ids + self.n, ids) if ids.dtype.kind == "i" else ids)


@bug("The id 3 names no row", "JAX 0.10: ids are clipped, and the last row gets the gradient")
class Clips(Plain):
    def valid(self, ids):
        return np.clip(ids, 0, self.n - 1) if ids.dtype.kind == "i" else super().valid(ids)


@bug("gave .*names no row", "tensorflow#3638: zeros for ids that name no row")
class ZerosOutside(Plain):
    def lookup(self, ids, *more):
        outside = (ids < 0) | (ids >= self.n)
        found = super().lookup(np.where(outside, 0, ids), *more)
        return (
            np.where(outside.reshape(*ids.shape, *[1] * (found.ndim - ids.ndim)), 0, found)
            if found.shape[: ids.ndim] == ids.shape
            else found
        )


@bug("not to be cut to 1", "float ids that are truncated")
class Truncates(Plain):
    def valid(self, ids):
        return super().valid(np.asarray(ids).astype(np.int64))


# ---- torch's options


@bug("the padding row leaks", "pytorch#28716, #3506: padding_idx is ignored by the gradient")
class PaddingLeaks(Plain):
    def without_padding(self, gradient):
        self.gradient = gradient
        return gradient


@bug("padding/last-row.*padding row gets no gradient", "a negative padding_idx is not counted from the end")
class NegativePaddingLeaks(Plain):
    def __init__(self, table, *, padding_idx=None, **options):
        super().__init__(table, padding_idx=padding_idx, **options)
        self.padding = None if padding_idx is not None and padding_idx < 0 else self.padding


@bug("padding row is looked up as it is stored", "a mask that zeroes what was looked up")
class PaddingIsZero(Plain):
    def lookup(self, ids, *more):
        found = super().lookup(ids, *more)
        return found if self.mode else np.where((ids == self.padding)[..., None], 0, found) if self.padding is not None else found


@bug("max_norm shortens rows that were not looked up", "max_norm as a constraint on the whole table")
class ShortensAll(Plain):
    def asked(self, ids):
        return np.arange(self.n)


@bug("in the norm norm_type", "norm_type is ignored")
class IgnoresNormType(Plain):
    def __init__(self, table, *, norm_type=2, **options):
        super().__init__(table, **options)


@bug(
    "only after the table was changed|but after the table was changed",
    "torch 2.13 (T8): an id is refused after others were renormalized",
)
class RefusesLate(Plain):
    def lookup(self, ids, *more):
        if self.max_norm is not None and np.asarray(ids).dtype.kind == "i":
            self.shortened(ids[(ids >= 0) & (ids < self.n)])
        return super().lookup(ids, *more)


@bug("A row as long as max_norm, and a shorter one, stay", "rows within the bound are scaled, too")
class ScalesWithin(Plain):
    def shortened(self, ids):
        for i in self.asked(ids):
            row = self.table[i].astype(np.float64)
            self.table[i] = row * self.max_norm / self.norm(row, self.norm_type)
        return self.table


@bug("scale_grad_by_freq divides by the root of the count", "pytorch#84491 asked for it")
class RootOfFrequency(Plain):
    def counts(self):
        return np.sqrt(super().counts())


@bug("scale_grad_by_freq has no effect", "pytorch#189720: the sparse path ignores it")
class IgnoresFrequency(Plain):
    def counts(self):
        return np.ones(self.n)


# ---- normalizers


@bug("normalize works along the row, whatever the shape of the ids", "PyKEEN 1.11.1 (F1, P2): normalize along axis 1")
class NormalizesAxisOne(Plain):
    def lookup(self, ids, *more):
        found = super().lookup(ids, *more)
        return (
            np.moveaxis(self.normalize(np.moveaxis(self.rows, 1, -1)), -1, 1).astype(found.dtype)
            if self.normalizer == "normalize" and ids.ndim
            else found
        )


@bug("softmax works along the row, whatever the shape of the ids", "PyKEEN 1.11.1 (F1): softmax along axis 0 of three")
class SoftmaxAxisZero(Plain):
    def lookup(self, ids, *more):
        found = super().lookup(ids, *more)
        return (
            np.moveaxis(self.softmax(np.moveaxis(self.rows, 0, -1)), -1, 0).astype(found.dtype)
            if self.normalizer == "softmax" and found.ndim == 3
            else found
        )


@bug("it was treated as a constrainer", "uma-pi1/kge#116: 'push gradients through normalization'")
class StraightThrough(Plain):
    def mapped_vjp(self, name, g, x, **options):
        return g


@bug(
    "the gradient passes as if there were no normalizer: it was treated as a constrainer",
    "pykeen#557, #1454: one taken for the other",
)
class ConstrainsInstead(StraightThrough):
    def __init__(self, table, **options):
        super().__init__(table, **options)
        if self.normalizer and not self.mode:
            self.table[...] = self.mapped(self.normalizer, self.table, **self.normalizer_options)


@bug("the normalizer was treated as a constrainer|a lookup|table\\[", "a normalizer that writes its result into the table")
class NormalizesTheTable(Plain):
    def lookup(self, ids, *more):
        found = super().lookup(ids, *more)
        if self.normalizer and not self.mode:
            self.table[ids] = found
        return found


@bug("the gradient of normalize is divided by the squared length", "scikit-kge")
class SquaredLength(Plain):
    def unit_vjp(self, g, u, s, n):
        return super().unit_vjp(g, u, s, n) / n


@bug("the gradient of normalize keeps its part along the row", "umap: a cosine gradient without its second term")
class KeepsRadialPart(Plain):
    def unit_vjp(self, g, u, s, n):
        return g / n


@bug("zero row stays zero|At the zero row", "pytorch#2421, HIPS/autograd#151, jax#3058: NaN at the zero row")
class NotANumberAtZero(Plain):
    def normalize(self, x, p=2, eps=1e-12):
        n = self.norm(x, p)
        return x / np.where(n > 0, np.maximum(n, eps), n)


@bug("its squares overflow", "torch 2.13 (T13), PyKEEN (P13): a huge row becomes zero")
class SquaresOverflow(Plain):
    def norm(self, x, p):
        x = x.astype(self.table.dtype)
        return (
            np.abs(x).max(-1, keepdims=True)
            if p == np.inf
            else (np.abs(x) ** p).sum(-1, keepdims=True).astype(np.float64) ** (1 / p)
        )


@bug("shorter than eps is divided by eps", "x / (|x| + eps) where x / max(|x|, eps) was said")
class AddsEps(Plain):
    def normalize(self, x, p=2, eps=1e-12):
        n = self.norm(x, p) + eps
        return x / np.where(n == 0, 1, n)


@bug("exp\\(1000\\) overflows", "softmax without the largest subtracted")
class SoftmaxOverflows(Plain):
    def softmax(self, x):
        return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


@bug("where it cuts, no gradient passes", "clamp with the gradient of the identity")
class ClampPasses(Plain):
    def clamp_vjp(self, g, x, **bounds):
        return g


@bug("complex_normalize brings each number to modulus one|modulus 1e-9 has a direction", "PyKEEN 1.11.1 (P14): eps of the dtype")
class ComplexEps(Plain):
    def mapped(self, name, x, **options):
        if name != "complex_normalize":
            return super().mapped(name, x, **options)
        return x / np.maximum(np.abs(x), np.finfo(x.dtype).eps)


@bug("each four numbers to length one, not the row", "keras#1580: the wrong axis")
class QuaternionWhole(Plain):
    def mapped(self, name, x, **options):
        return super().mapped("normalize" if name == "quaternion_normalize" else name, x, **options)


# ---- constrainers


@bug("one norm for the whole table", "PyKEEN 1.11.1 (F2): clamp_norm with dim=None")
class WholeTable(Plain):
    def clamp_norm(self, x, maxnorm, p=2):
        n = self.norm(x.reshape(1, -1), p).item()
        return x * maxnorm / n if n > maxnorm else x


@bug("normalized along the wrong axis of a row", "PyKEEN 1.11.1 (F2), keras#1580")
class WrongAxis(Plain):
    def constrain(self):
        self.table = np.swapaxes(self.table, 1, -1)
        super().constrain()
        self.table = np.swapaxes(self.table, 1, -1)


@bug("A frozen table is not changed by its constrainer", "PyKEEN 1.11.1 (F7)")
class ConstrainsFrozen(Plain):
    def constrain(self):
        self.trainable = True
        super().constrain()


@bug(
    "those that no id named too|all rows are brought to length one|It looks as if the constrainer is not applied",
    "a constrainer never called: thunlp/OpenKE#236",
)
class NeverConstrains(Plain):
    def constrain(self):
        pass


# ---- bags


@bug("in mode max the gradient is that of the mean", "flagos-ai/FlagGems#5220")
class MaxAsMean(Plain):
    def bag_vjp(self, g, rows, bag):
        return np.broadcast_to(g / len(bag), rows.shape) if self.mode == "max" else super().bag_vjp(g, rows, bag)


@bug(
    "Padding is in no bag: it adds nothing, counts nothing|the mean counts the padding",
    "the mean divides by the size with padding",
)
class MeanCountsPadding(Plain):
    def cut(self, ids, offsets, weights):
        super().cut(ids, offsets, weights)
        padding, self.padding = self.padding, None
        self.sizes = {
            tuple(b): len(a) for a, b in zip(self.places(self.flat, self.bounds_of(ids, offsets)), self.bags, strict=True)
        }
        self.padding = padding

    def bounds_of(self, ids, offsets):
        return self.bounds(np.arange(len(ids)) * ids.shape[1] if offsets is None else offsets, self.flat.size)

    def size(self, bag):
        return self.sizes[tuple(bag)]


@bug("An empty bag gives zeros", "pytorch#4169: 0 / 0 in an empty bag")
class EmptyIsNotANumber(Plain):
    def nothing(self, rows):
        return np.full(rows.shape[1:], np.nan)


@bug("It counts where it is the last one", "PyKEEN 1.11.1 (P3, F9): the empty bag at the end is dropped")
class DropsTheLastEmpty(Plain):
    def pooled(self, table):
        found = super().pooled(table)
        return found[:-1] if self.bags and not self.bags[-1] else found


@bug("ids behind the last offset are in no bag", "torch 2.13 (F17): pytorch#191965")
class LastOffsetIgnored(Plain):
    def bounds(self, starts, n):
        return np.append(starts[:-1] if self.include_last_offset else starts, n)


@bug(
    "scale_grad_by_freq divides the gradient of a row by how often its id stands in the whole input",
    "torch 2.13 (F16): pytorch#190063",
)
class WrongCount(Plain):
    def bag_counts(self):
        return np.roll(super().bag_counts(), 1) + 1


@bug("A NaN in a bag is seen in its maximum", "torch 2.13 (T5): the order decides")
class MaxLosesNaN(Plain):
    def largest(self, rows):
        return np.fmax.reduce(rows)


@bug("It looks as if a maximum starts from zero", "a maximum that begins at zero")
class MaxFromZero(Plain):
    def largest(self, rows):
        return np.maximum(rows.max(0), 0)


@bug("the gradient of the table lacks the weights", "per_sample_weights in the forward pass alone")
class WeightsForgotten(Plain):
    def weighted(self, g, bag):
        return np.broadcast_to(g, (len(bag), *g.shape))


@bug("Weights are for sums", "weights that are dropped in other modes")
class DropsWeights(Plain):
    def cut(self, ids, offsets, weights):
        super().cut(ids, offsets, weights if self.mode == "sum" else None)


@bug("a bag has no negative length", "torch 2.13 (T3): pytorch#191867")
class TakesFallingOffsets(Plain):
    def cut(self, ids, offsets, weights):
        super().cut(ids, None if offsets is None else np.maximum.accumulate(offsets), weights)


# ---- learning


@bug("gradients of a repeated id are used one by one", "pytorch#17919: a gradient that was not coalesced")
class SquaresFirst(Plain):
    def added(self, ids, drows):
        self.single = [(i, row) for i, row in zip(ids, drows, strict=True)]
        return super().added(ids, drows)

    def step(self):
        if self.optimizer in ("sgd", "adamw") or not self.trainable:
            super().step()
            return
        self.t += 1
        for i, row in self.single:
            rows = np.array([i])
            self.table[rows] = self.moved(self.table[rows].astype(np.float64), row[None].astype(np.float64), rows)


@bug("eps stands under the root of Adagrad", "a paper's formula with eps under the root")
class EpsUnderRoot(Plain):
    def root(self, s, eps):
        return np.sqrt(s + eps)


@bug("eps of Adam stands inside of the bias correction", "torch SparseAdam (T14), pytorch#22628")
class EpsInside(Plain):
    def corrected(self, m, v, betas, eps):
        return m * np.sqrt(1 - betas[1] ** self.now) / (1 - betas[0] ** self.now) / (np.sqrt(v) + eps)


@bug("not corrected for having begun at zero", "Adam without bias correction")
class NotCorrected(Plain):
    def corrected(self, m, v, betas, eps):
        return m / (np.sqrt(v) + eps)


@bug("weight decay is decoupled, as in AdamW", "Adam and AdamW confused")
class Decoupled(Plain):
    def adam(self, x, g, rows, lr, weight_decay=0, **options):
        return super().adam(x * (1 - lr * weight_decay), g, rows, lr, **options)


@bug("the first b is g, not dampened", "momentum whose first gradient is dampened")
class DampensFirst(Plain):
    def undampened(self):
        return False


@bug("with the new b", "Nesterov's step with the old momentum")
class OldNesterov(Plain):
    def nesterov(self, g, b, momentum):
        return g + (b - g)


@bug("the constrainer was differentiated as if it were a normalizer", "constrainer and normalizer confused: thunlp/KB2E#1")
class DifferentiatesConstrainer(Plain):
    def backward(self, g):
        return super().backward(
            g if self.constrainer is None else self.mapped_vjp(self.constrainer, g, self.rows, **self.constrainer_options)
        )


@bug("is the caller's: training does not overwrite it", "PyKEEN 1.11.1 (F5, P15), torch from_pretrained")
class Aliases(Plain):
    def own(self, table):
        return table


@bug("A frozen table is not changed by a step", "freeze that reaches no optimizer")
class StepsFrozen(Plain):
    def step(self):
        self.trainable = True
        super().step()


@bug("goes up the gradient", "a sign")
class GoesUp(Plain):
    def moved(self, x, g, rows):
        return super().moved(x, -g, rows)


class Twice(Plain):
    """The sound layer, which can be differentiated twice where there is no normalizer, or softmax."""

    def second(self, g, v):
        if self.normalizer not in (None, "softmax"):
            raise NotImplementedError
        w = v[self.ids]
        if self.normalizer is None:
            return w, np.zeros_like(self.table)
        s = self.softmax(self.rows.astype(np.float64))
        mean = (s * w).sum(-1, keepdims=True)
        ds = g * (w - mean) - w * (g * s).sum(-1, keepdims=True)
        return (s * (w - mean)).astype(g.dtype), self.constant(
            self.added(self.ids, self.softmax_vjp(ds, self.rows.astype(np.float64)))
        )

    def constant(self, d):
        return d


@bug("the backward pass is constant in the table", "a custom backward that is not differentiable itself")
class ConstantBackward(Twice):
    def constant(self, d):
        return np.zeros_like(d)


# ---- what is the caller's, and what is of yesterday


@bug("lookup changes the caller's ids in place", "ids that are sorted, or moved by an offset, where they lie")
class SortsIds(Plain):
    def lookup(self, ids, *more):
        found = super().lookup(ids, *more).copy()
        self.ids = self.ids.copy()
        ids.sort()
        return found


@bug("lookup changes the caller's ids in place", "an assignment to the shape, which is that of the caller's array")
class FlattensIds(Plain):
    def lookup(self, ids, *more):
        found, self.ids = super().lookup(ids, *more), ids.copy()
        ids.shape = (-1,)
        return found


@bug("lookup changes the caller's offsets in place", "offsets that become lengths where they lie")
class CountsInOffsets(Plain):
    def cut(self, ids, offsets, weights):
        super().cut(ids, offsets, weights)
        if offsets is not None:
            offsets[1:] -= offsets[:-1].copy()


@bug("lookup changes the caller's weights in place", "the weights of padding set to zero where they lie")
class ZeroesWeights(Plain):
    def cut(self, ids, offsets, weights):
        super().cut(ids, offsets, weights)
        if weights is not None and self.padding is not None:
            self.weights = weights.copy()
            weights[ids == self.padding] = 0


@bug("backward changes the caller's g in place", "gradients of padding set to zero where they lie")
class ZeroesG(Plain):
    def backward(self, g):
        found = super().backward(g)
        if self.mode is None and self.padding is not None:
            g[self.ids == self.padding] = 0
        return found


@bug("step changes the caller's g in place", "a step that scales the gradient which it was handed")
class StepScalesG(Plain):
    def backward(self, g):
        self.g = g
        return super().backward(g)

    def step(self):
        super().step()
        self.g *= self.options["lr"]


@bug("lookup changes the caller's table in place", "max_norm on an array that is the caller's")
class ShortensTheCallers(Plain):
    def own(self, table):
        return table

    def step(self):
        self.table = self.table.copy()
        super().step()


@bug("constrain changes the caller's table in place", "a constrainer on an array that is the caller's")
class ConstrainsTheCallers(ShortensTheCallers):
    def shortened(self, ids):
        self.table = self.table.copy()
        return super().shortened(ids)


@bug("something is left over from an earlier call", "a buffer of gradients that nobody clears")
class NeverCleared(Plain):
    def added(self, ids, drows):
        total = super().added(ids, drows)
        if self.optimizer is None:
            self.buffer = total = getattr(self, "buffer", 0) + total
        return total


@bug("something is left over from an earlier call", "counts of ids that run on from batch to batch")
class CountsRunOn(Plain):
    def counts(self):
        self.total = getattr(self, "total", 0) + super().counts()
        return self.total


@bug("something is left over from an earlier call", "what the first batch needed is kept for all")
class KeepsTheFirstBatch(Plain):
    def cut(self, ids, offsets, weights):
        if not hasattr(self, "bags"):
            super().cut(ids, offsets, weights)


@bug("what is looked up is not the table that was changed", "rows in a cache, which no step reaches")
class LooksUpACopy(Plain):
    def lookup(self, ids, *more):
        if not hasattr(self, "cache"):
            self.cache = self.table.copy()
        found = super().lookup(ids, *more)
        return found if self.mode or self.normalizer or self.max_norm else self.cache[ids]


# ---- kinks


@bug("each of several equal maxima gets the whole gradient", "g * (rows == rows.max())")
class AllMaxima(Plain):
    def bag_vjp(self, g, rows, bag):
        return g * (rows == rows.max(0)) if self.mode == "max" else super().bag_vjp(g, rows, bag)


@bug("each of several equal maxima gets the whole gradient", "sign(x) * (abs(x) == abs(x).max())")
class AllLargest(Plain):
    def slope(self, u, p):
        return np.sign(u) * (np.abs(u) == np.abs(u).max(-1, keepdims=True)) if p == np.inf else super().slope(u, p)


@bug("At a bound the slope of clamp", "clamp as the sum of two hinges, each with its own half at both bounds")
class ClampTwice(Plain):
    def clamp_vjp(self, g, x, min=-np.inf, max=np.inf):
        return super().clamp_vjp(g, x, min, max) * np.where((x == min) | (x == max), 2, 1)


# ---- learning, by the wrong clock


@bug("does adagrad_sums=row, while it declares no adagrad_sums", "row-wise Adagrad under the name of Adagrad")
class AdagradByRow(Plain):
    def squares(self, g):
        return (g * g).mean(-1, keepdims=True)


@bug("running means are corrected|Both running means", "bias correction that counts from zero")
class CountsFromZero(Plain):
    def corrected(self, m, v, betas, eps):
        self.now = np.maximum(self.now - 1, 1)
        return super().corrected(m, v, betas, eps)


@bug("the first b is g|b = momentum b", "momentum that is multiplied by 1 - momentum, as in a running mean")
class MeanMomentum(Plain):
    def sgd(self, x, g, rows, lr, momentum=0, dampening=0, **options):
        return super().sgd(x, g, rows, lr, momentum=momentum, dampening=dampening or momentum, **options)


# ---- sound, by other conventions


class Newer(Plain):
    """The edges of newer torch, HIPS autograd, flax."""

    clamp_edge, clamp_norm_edge, inf_norm_ties, norm_at_zero, max_ties, slope_at_zero = (
        "stop",
        "pass",
        "first",
        "stop",
        "split",
        1.0,
    )
    missing_rows, max_norm_slack, id_kinds = "lazy", 1e-7, "i"


class Halves(Newer):
    """JAX's edges, a max_norm that leaves the table as it is, and steps that each row counts for itself."""

    clamp_edge, clamp_norm_edge, max_norm_writes, slope_at_zero, step_count = "half", "half", "output", -1.0, "row"
    frozen_max_norm = "stays"


class Lasts(Plain):
    """The last of equals, and an interval that is open above."""

    clamp_edge, inf_norm_ties, max_ties = "pass_min", "last", "last"


class OpenBelow(Lasts):
    """An interval that is open below, and Adam as Keras has it, Adagrad as optax has it, momentum as a book has it."""

    conventions: ClassVar = {
        "adagrad_eps": "under_root",
        "adam_eps": "uncorrected",
        "first_momentum": "dampened",
        "clamp_edge": "pass_max",
    }
    clamp_edge, missing_rows = "pass_max", "lazy"
    root, corrected, undampened = EpsUnderRoot.root, EpsInside.corrected, DampensFirst.undampened


class Undefined(Plain):
    """Empty bags as NumPy has them, row-wise Adagrad, and an eps of Adam that stands under the root."""

    conventions: ClassVar = {
        "adagrad_sums": "row", "adam_eps": "under_root", "empty_max": "minus_infinity", "empty_mean": "not_a_number",
    }  # fmt: skip
    squares = AdagradByRow.squares

    def nothing(self, rows):
        return np.full(rows.shape[1:], {"sum": 0, "mean": np.nan, "max": -np.inf}[self.mode])

    def corrected(self, m, v, betas, eps):
        return m / (1 - betas[0] ** self.now) / np.sqrt(v / (1 - betas[1] ** self.now) + eps)


class Differentiates(Halves):
    """TensorFlow's max_norm, a part of the forward pass."""

    conventions: ClassVar = {"max_norm_gradient": "projected", "max_norm_writes": "output"}

    def backward(self, g):
        if self.max_norm is None or self.mode is not None:
            return super().backward(g)
        rows = self.table[self.ids]
        return super().backward(self.mapped_vjp("clamp_norm", g, rows, maxnorm=self.max_norm, p=self.norm_type))


class Sparse(Plain):
    """Gradients as (rows, values), with repeated rows in the order of the ids, the last of them first."""

    def added(self, ids, drows):
        self.parts = ids[::-1], drows[::-1]
        return super().added(ids, drows)

    def backward(self, g):
        super().backward(g)
        kept = self.parts[0] != self.padding
        return self.parts[0][kept], self.parts[1][kept].astype(self.table.dtype)


class Conjugates(Plain):
    """JAX's complex gradients, subnormals flushed to zero."""

    def backward(self, g):
        return super().backward(np.conj(g)).conj()

    def lookup(self, ids, *more):
        found = super().lookup(ids, *more)
        return np.where(np.abs(found) < np.finfo(found.dtype).tiny, 0, found).astype(found.dtype)


SOUND = [Plain, Twice, Newer, Halves, Lasts, OpenBelow, Undefined, Differentiates, Sparse, Conjugates]


# ---- wrong at a size


def large(cause):
    """Register a layer that is right as long as everything is small."""

    def keep(layer):
        HIDDEN.append((layer.__name__, layer, "large", cause))
        return layer

    return keep


@large("padding leaks beyond 768 ids")
class PaddingLeaksBeyond768(Plain):
    def added(self, ids, drows):
        self.late = super().added(ids[768:], drows[768:]) if ids.size > 768 and self.mode is None else None
        return super().added(ids, drows)

    def without_padding(self, gradient):
        super().without_padding(gradient)
        if self.padding is not None and self.late is not None:
            gradient[self.padding] = self.late[self.padding]
        return gradient


@large("no id is cut or rounded")
class IdsInHalf(Plain):
    def valid(self, ids):
        return np.minimum(super().valid(ids).astype(np.float16), self.n - 1).astype(np.int64)


@large("no id is cut or rounded")
class IdsInBfloat16(Plain):
    def valid(self, ids):
        return ((super().valid(ids).astype(np.float32).view(np.uint32) >> 16) << 16).view(np.float32).astype(np.int64)


@large("only the first 1,024 ids are added")
class AddsTheFirst1024(Plain):
    def added(self, ids, drows):
        return super().added(ids[:1024], drows[:1024])


@large("gradients of .* ids add up")
class DropsTheLastIds(Plain):
    def added(self, ids, drows):
        whole = len(ids) // 256 * 256 or len(ids)
        return super().added(ids[:whole], drows[:whole])


@large("gradients of 2048 ids add up")
class DropsAFullTile(Plain):
    def added(self, ids, drows):
        whole = len(ids) - 1 if len(ids) and len(ids) % 256 == 0 else len(ids)
        return super().added(ids[:whole], drows[:whole])


@large("gradients of 70035 ids add up")
class SixteenBitsOfBlocks(Plain):
    def added(self, ids, drows):
        return super().added(ids[:65535], drows[:65535])


@large("all of its gradients add up|all of their gradients add up|all of the ids")
class AddsFourThousand(Plain):
    def added(self, ids, drows):
        return super().added(ids[:3200], drows[:3200])


@large("no tile is left out")
class ZeroColumns(Plain):
    def lookup(self, ids, *more):
        found = super().lookup(ids, *more).copy()
        found[..., 1024:] = 0
        return found


@large("4100 numbers: all of the ids, all of the numbers")
class GradientOf1024Columns(Plain):
    def added(self, ids, drows):
        total = super().added(ids, drows)
        total[..., 1024:] = 0
        return total


@large("half-precision numbers: copied")
class HalvesByTheTile(Plain):
    def added(self, ids, drows):
        total = super().added(ids, drows)
        if total.dtype == np.float16:
            total[..., total.shape[-1] // 8 * 8 or total.shape[-1] :] = 0
        return total


@large("Rows of 5 times 206 numbers")
class MatricesOf1024Numbers(Plain):
    def added(self, ids, drows):
        total = super().added(ids, drows)
        total.reshape(len(total), -1)[:, 1024:] = 0
        return total if total.ndim > 2 else super().added(ids, drows)


@large("Complex rows of 1030 numbers")
class ComplexOf1024Numbers(Plain):
    def added(self, ids, drows):
        total = super().added(ids, drows)
        if np.iscomplexobj(total):
            total[..., 1024:] = 0
        return total


@large("counts of hundreds and thousands")
class CountsOfBytes(Plain):
    def counts(self):
        return super().counts().astype(np.uint8)


@large("counts of hundreds and thousands")
class CountsInHalf(Plain):
    def counts(self):
        return super().counts().astype(np.float16)


@large("Bags of up to 3,100 ids")
class BagCountsOfBytes(Plain):
    def bag_counts(self):
        return super().bag_counts().astype(np.uint8)


@large("Bags of up to 3,100 ids")
class SizesOfBytes(Plain):
    def size(self, bag):
        return len(bag) % 256 or 256


@large("Bags of up to 3,100 ids")
class BagsOf1024(Plain):
    def bag(self, rows, bag):
        return super().bag(rows[:1024], bag[:1024])


@large("Bags of up to 3,100 ids")
class LargestOf1024(Plain):
    def largest(self, rows):
        return rows[:1024].max(0)


@large("Bags of up to 3,100 ids")
class WeightsOf1024(Plain):
    def weighted(self, g, bag):
        found = super().weighted(g, bag)
        found[1024:] = g
        return found


@large("1078 bags of three ids")
class First1024Bags(Plain):
    def pooled(self, table):
        found = super().pooled(table)
        found[1024:] = 0
        return found


@large("1078 bags of three ids")
class GradientOf1024Bags(Plain):
    def unpooled(self, g):
        return super().unpooled(np.concatenate([g[:1024], np.zeros_like(g[1024:])]))


@large("1078 bags of three ids")
class WeightGradientOf1024(Plain):
    def unpooled(self, g):
        found = super().unpooled(g)
        if len(g) > 1024:
            self.weight_gradient[1024:] = 0
        return found


@large("1030 numbers: each is mapped whole")
class LengthOf1024Numbers(Plain):
    def norm(self, x, p):
        return super().norm(x[..., :1024], p)


@large("numbers: each is mapped whole")
class SoftmaxByTheTile(Plain):
    def softmax(self, x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e[..., : x.shape[-1] // 32 * 32 or x.shape[-1]].sum(-1, keepdims=True)


@large("numbers: each is mapped whole")
class MapsTheFirst1024(Plain):
    def mapped_vjp(self, name, g, x, **options):
        found = super().mapped_vjp(name, g, x, **options)
        found[1024:] = g[1024:]
        return found


@large("All of 4137 rows of 4 numbers are constrained")
class ConstrainsTheFirst1024(Plain):
    def constrain(self):
        before = self.table.copy()
        super().constrain()
        self.table[1024:] = before[1024:]


@large("max_norm shortens the longer ones of 2079 rows")
class ShortensTheFirst1024(Plain):
    def asked(self, ids):
        return super().asked(ids)[:1024]


@large("learns, the last number of the last row too")
class LastColumnsRest(Plain):
    def moved(self, x, g, rows):
        new = super().moved(x, g, rows)
        new[..., x.shape[-1] // 32 * 32 or x.shape[-1] :] = x[..., x.shape[-1] // 32 * 32 or x.shape[-1] :]
        return new


@large("learns, the last number of the last row too")
class LastRowsRest(Plain):
    def moved(self, x, g, rows):
        new = super().moved(x, g, rows)
        new[len(x) // 128 * 128 or len(x) :] = x[len(x) // 128 * 128 or len(x) :]
        return new


@large("and remembers")
class RemembersThirtyTwoColumns(Plain):
    def moved(self, x, g, rows):
        new = super().moved(x, g, rows)
        for kept in self.state.values():
            kept[..., 32:] = 0
        return new


@large("with respect to g is the rows of v")
class SecondOf32Columns(Twice):
    def second(self, g, v):
        dg, dtable = super().second(g, v)
        dg[..., 32:] = 0
        return dg, dtable


# ---- wrong where options meet


def met(cause):
    """Register a layer that is right as long as one option is given at a time."""

    def keep(layer):
        HIDDEN.append((layer.__name__, layer, "pairs", cause))
        return layer

    return keep


@met("frozen-and-weights")
class FrozenWeights(Plain):
    def unpooled(self, g):
        found = super().unpooled(g)
        if not self.trainable:
            self.weight_gradient[...] = 0
        return found


@met("matrix-and-weights")
class WeightsByColumn(Plain):
    def cut(self, ids, offsets, weights):
        super().cut(ids, offsets, weights)
        if weights is not None:
            self.weights = weights.ravel(order="F")


@met("and-sum")
class BagsDoNotLearn(Plain):
    def step(self):
        if self.mode is None:
            super().step()


@met("adam-and-max-matrix")
class BagsForgetTheirState(Plain):
    def step(self):
        if self.mode is not None:
            self.state, self.t = {}, 0
        super().step()


@met("and-sum: tables")
class BagsAreNotConstrained(Plain):
    def constrain(self):
        if self.mode is None:
            super().constrain()


@met("padding-and-normalize")
class NormalizedPaddingLeaks(Plain):
    def without_padding(self, gradient):
        self.gradient = gradient
        return gradient if self.normalizer else super().without_padding(gradient)


@met("frequency-and-softmax")
class NormalizedFrequency(Plain):
    def counts(self):
        return np.ones(self.n) if self.normalizer else super().counts()


@met("frequency-and-weights")
class WeightedFrequency(Plain):
    def bag_counts(self):
        return np.ones(self.n) if self.weights is not None else super().bag_counts()


@met("max-norm-and-clamp")
class NormalizesLongRows(Plain):
    def shortened(self, ids):
        before = self.table.copy()
        found = super().shortened(ids)
        return before if self.normalizer else found


@met("max-norm-and-max")
class LargestOfLongRows(Plain):
    def asked(self, ids):
        return [] if self.mode == "max" else super().asked(ids)


@met("max-norm-and-mean")
class MeanOfLongRows(Plain):
    def asked(self, ids):
        return [] if self.mode == "mean" else super().asked(ids)


@met("max-norm-and-frozen")
class LongFrozenRows(Plain):
    def asked(self, ids):
        return super().asked(ids) if self.trainable else []


@met("norm-type-and-sum")
class NormTypeOfBags(Plain):
    def shortened(self, ids):
        if self.mode is not None:
            self.norm_type = 2
        return super().shortened(ids)


@met("matrices-and-padding|padding-and-matrices")
class PadsTheFirstVector(Plain):
    def without_padding(self, gradient):
        kept = gradient.copy()
        super().without_padding(gradient)
        if self.padding is not None and gradient.ndim > 2:
            gradient[self.padding, 1:] = kept[self.padding, 1:]
        return gradient


@met("adagrad-and")
class AdagradWithoutDecay(Plain):
    def adagrad(self, x, g, rows, weight_decay=0, **options):
        return super().adagrad(x, g, rows, **options)


@met("nesterov-and")
class NesterovWithoutDecay(Plain):
    def sgd(self, x, g, rows, nesterov=False, weight_decay=0, **options):
        return super().sgd(x, g, rows, nesterov=nesterov, weight_decay=0 if nesterov else weight_decay, **options)


@met("adamw-and")
class AdamWWithoutAmsgrad(Plain):
    def adamw(self, x, g, rows, amsgrad=False, **options):
        return super().adamw(x, g, rows, **options)


@met("adam-and")
class AdamGoesDown(Plain):
    def adam(self, x, g, rows, lr, maximize=False, **options):
        return super().adam(x, g, rows, lr, **options)


@met("sgd-and-complex")
class RealPartsLearn(Plain):
    def step(self):
        kept = self.table.copy()
        super().step()
        if np.iscomplexobj(kept):
            self.table.imag[...] = kept.imag


@met("and-max-matrix")
class MatricesDoNotLearn(Plain):
    def step(self):
        if self.mode is None or self.ids.ndim == 1:
            super().step()


# ---- wrong in a corner


@bug("a table of 1", "flax 0.12: a table of one row is that row, whatever the id")
class OneRowTakesAll(Plain):
    def valid(self, ids):
        return super().valid(np.zeros_like(ids) if self.n == 1 and np.asarray(ids).dtype.kind in "iu" else ids)


@bug("A single id, without axes, gives a single row", "np.atleast_1d")
class AtLeastOneAxis(Plain):
    def valid(self, ids):
        return np.atleast_1d(super().valid(ids))


@bug("Ids of uint8 are looked up as the numbers that they are", "a char that is signed: id 200 of 300")
class SignedBytes(Plain):
    def valid(self, ids):
        found = super().valid(ids)
        return np.where(found > 127, found - 256, found) % self.n if np.asarray(ids).dtype == np.uint8 else found


@bug("Each id names its row, whatever its size", "ids of 16 bits")
class ShortIds(Plain):
    def valid(self, ids):
        return super().valid(ids).astype(np.uint16).astype(np.int64)


@bug("as whatever type it is read", "an unsigned id that is cast before it is compared")
class ChecksAfterTheCast(Plain):
    def valid(self, ids):
        found = np.asarray(ids)
        return super().valid(found.view(f"i{found.itemsize}") % self.n if found.dtype.kind == "u" else found)


@bug("max_norm brings the longer ones", "torch 2.13: the length of a row of 1e38")
class LongRowsVanish(Plain):
    def shortened(self, ids):
        with np.errstate(over="ignore"):
            long = ~np.isfinite((self.table * self.table).sum(-1))
        found = super().shortened(ids)
        found[long] = 0
        return found


@bug("A step without a gradient", "0 / 0 in a step that has padding alone")
class StepsOnNothing(Plain):
    def step(self):
        if not self.gradient.any():
            self.gradient = self.gradient / self.gradient.sum()
        super().step()


@bug("No bags, no rows", "an empty list of bags that loses its columns")
class NoBagsNoColumns(Plain):
    def pooled(self, table):
        return super().pooled(table) if self.bags else np.zeros(0, table.dtype)


@bug("No ids, no rows", "an error where there is nothing to do")
class WantsIds(Plain):
    def lookup(self, ids, *more):
        if np.size(ids) == 0 and np.ndim(ids) > 1:
            raise ValueError("no ids")
        return super().lookup(ids, *more)

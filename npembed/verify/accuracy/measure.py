"""Run every op on every class of input, and say by how much it is off."""

import importlib.util
import math
import time

import numpy as np

from ... import check
from ...embedding.rows import RowSparse
from .bounds import ENTRYWISE, bounds_of
from .entries import BITS, BITS_OF_ENTRYWISE, BITS_OF_SPANNING, ENTRIES, REASONS
from .inputs import CLASSES, cotangent

DTYPES = ("float32", "float64", "complex64", "complex128")
EXAMPLES = {"rows": 20, "batches": 10}
"""The floor of examples of each op, class and dtype: rows (or triples) for each of the op's options, batches in all."""
SEED = 20


@check.public
def ops():
    """Every op that has an entry or a reason, by name."""
    from ...embedding.bags import EMBEDDING_BAG
    from ...embedding.lookup import OPS
    from ...embedding.regularizers import REGULARIZERS
    from ...embedding.row_maps import NORM, NORMALIZERS
    from ...embedding.rows import GATHER
    from ...embedding.second_order import SECOND_ORDER, TRANSFORM
    from ...kge.interactions import INTERACTIONS
    from ...kge.losses import LCWA_LOSSES, LOSSES
    from ...kge.score import OPS as MODEL_OPS
    from ...layers.representations import COMBINATIONS, LOW_RANK

    found = [GATHER, EMBEDDING_BAG, LOW_RANK, NORM, TRANSFORM]
    for registry in (NORMALIZERS, INTERACTIONS, LOSSES, LCWA_LOSSES, REGULARIZERS, COMBINATIONS, OPS, MODEL_OPS, SECOND_ORDER):
        found += registry.values()
    return {op.forward.__name__: op for op in found}


@check.public
def accuracy(*, only=None, examples=1.0, seed=SEED, progress=None):
    """Measure every op, forward and backward, against mpmath.

    Parameters
    ----------
    only : list of names of ops, or None for all
    examples : float > 0
        How many, as a share of `EXAMPLES`.
    seed : int
    progress : function of a list and a word, or None

    Returns
    -------
    dict
        "records", one for each op, direction, dtype and class: how many examples and numbers, the largest error in ulp, the one that
        99.9 % do not exceed, the largest norm-wise error in machine epsilons, the bounds that are promised, and whether they hold;
        "unmeasured", with reasons; "seconds", "seed" and "ok".

    Raises
    ------
    ModuleNotFoundError
        Without mpmath.
    UnknownNameError
        For an op that there is not.

    Examples
    --------
    >>> report = accuracy(only=["distmult"], examples=0.1)
    >>> report["ok"], sorted({r["class"] for r in report["records"]})[:2]
    (True, ['boundaries', 'cancelling'])
    """
    check_settings(only=only, examples=examples, seed=seed)
    known = ops()
    started = time.perf_counter()
    chosen = [entry for entry in ENTRIES if only is None or entry.op in only]
    jobs = [(entry, dtype, kind) for entry in chosen for dtype in DTYPES for kind in CLASSES]
    records = []
    for entry, dtype, kind in progress(jobs, "accuracy") if progress else jobs:
        rng = np.random.default_rng([seed, ENTRIES.index(entry), DTYPES.index(dtype), CLASSES.index(kind)])
        records += _records(entry, known[entry.op], np.dtype(dtype), kind, examples, rng)
    return {
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 1),
        "records": records,
        "unmeasured": {name: why for name, why in REASONS.items() if only is None or name in only},
        "ok": all(record["ok"] for record in records),
    }


@check.public
def check_settings(*, only=None, examples=1.0, seed=SEED):
    """Refuse what `accuracy` would refuse, before anything is run.

    >>> check_settings(only=["normalize"])
    """
    check.real("accuracy", "examples", examples, above=0)
    check.integer("accuracy", "seed", seed, minimum=0)
    for name in only or ():
        if name not in ops():
            raise check.unknown("accuracy", "only", name, sorted(ops()))
    if importlib.util.find_spec("mpmath") is None:
        raise ModuleNotFoundError(
            "accuracy: mpmath is missing, which holds the references; allowed: pip install mpmath, then again"
        )


def _records(entry, op, dtype, kind, examples, rng):
    """The records of one op, dtype and class: forward and backward."""
    import mpmath

    from . import references

    rows = max(2, round(EXAMPLES["rows"] * examples))
    batches = max(2, round(EXAMPLES["batches"] * examples))
    reference = getattr(references, entry.op)
    probe = next(iter(entry.cases(np.random.default_rng(0), kind, 1, dtype)), None)
    if probe is None:
        return []
    found: dict[str, list] = {"forward": [], "backward": []}
    bits = BITS if kind not in ("tiny", "huge", "spanning") else entry.bits
    if kind == "spanning":
        bits = BITS_OF_ENTRYWISE if entry.op in ENTRYWISE and np.finfo(dtype).bits == 64 else BITS_OF_SPANNING
    with mpmath.workprec(bits), np.errstate(all="ignore"):
        for case in entry.cases(rng, kind, rows if probe.rows else batches, dtype):
            for direction, errors in _case(op, reference, case, rng):
                found[direction].append(errors)
    label = f"{entry.op} {entry.label}".strip()
    return [_record(label, direction, dtype, kind, errors) for direction, errors in found.items() if errors]


def _record(label, direction, dtype, kind, errors):
    ulps = np.concatenate([u for u, _, _ in errors])
    numbers = {
        "max_ulp": float(ulps.max()),
        "ulp_999": float(np.quantile(ulps, 0.999, method="higher")),
        "normwise": float(max(n for _, n, _ in errors)),
    }
    bounds, reason = bounds_of(label, direction, np.finfo(dtype).bits == 64, kind)
    broken = [name for name, bound in bounds.items() if not numbers[name] <= bound]
    about = {"op": label, "direction": direction, "dtype": dtype.name, "class": kind}
    return {
        **about, "examples": sum(n for _, _, n in errors), "numbers": len(ulps), **numbers, "bounds": bounds, "reason": reason,
        "ok": not broken,
    }  # fmt: skip


def _case(op, reference, case, rng):
    """For each direction of one case: (ulps of all numbers, the largest norm-wise error, examples)."""
    from .differences import flat, gradients, to_mpmath

    out = op.forward(*case.args, **case.options)
    g = case.cotangent
    if g is None or g.shape != np.shape(out):
        g = cotangent(rng, np.shape(out), out.dtype)
    examples = range(len(case.args[0])) if case.rows else [...]
    inner = [tuple(to_mpmath(a[i]) if isinstance(a, np.ndarray) else a for a in case.args) for i in examples]

    def right(*args):
        return reference(*args, **case.options)

    expected = [flat(right(*args)) for args in inner]
    one_number = case.rows and np.ndim(out) == 1
    if one_number:  # the scores of a batch are one vector
        yield "forward", (*_errors([(out, [v for values in expected for v in values])]), len(examples))
    else:
        yield "forward", (*_errors(list(zip((out[i] for i in examples), expected, strict=True))), len(examples))
    if not case.smooth:
        return
    back = op.vjp(g if np.ndim(g) else float(g), *case.args, **case.options)
    back = [d.to_dense() if isinstance(d, RowSparse) else d for d in (back if isinstance(back, tuple) else (back,))]
    pairs = []
    for i, args in zip(examples, inner, strict=True):
        if case.rows and at_kink(reference.__name__, args[0], case.options):
            continue
        above = flat(to_mpmath(np.asarray(g[i])))
        for d, e in zip(back, gradients(right, above, args), strict=True):
            pairs.append((d[i], list(e.ravel())))
    yield "backward", (*_errors(pairs), len(examples))


def at_kink(name, row, options):
    """Whether a map has no derivative at a row: a length that is `eps` or `maxnorm` exactly, as zero is for ``eps = 0``.

    >>> at_kink("normalize", np.zeros(4), {"eps": 0}), at_kink("complex_normalize", np.array([3.0, 4.0, 1.0, 0.0]), {"eps": 5.0})
    (True, True)
    """
    import mpmath

    from .references import norm

    bound = options.get("maxnorm", options.get("eps"))
    if bound is None:
        return False
    size = len(row)
    if name == "complex_normalize":
        size = 1 if isinstance(row[0], mpmath.mpc) else 2
    lengths = (norm(row[i : i + size], p=options.get("p", 2)) for i in range(0, len(row), size))
    return any(abs(length - bound) <= mpmath.ldexp(bound, -300) for length in lengths)


def _errors(pairs):
    """All errors in ulp, and the largest norm-wise one in machine epsilons."""
    found = [errors_of(np.asarray(actual), expected) for actual, expected in pairs]
    return np.concatenate([ulps for ulps, _ in found]), max(norm for _, norm in found)


@check.public
def errors_of(actual, expected):
    """By how much an array is off what it should be.

    Parameters
    ----------
    actual : ndarray, real or complex
    expected : list of mpmath's numbers, one for each entry

    Returns
    -------
    ulps : ndarray; the real and the imaginary part of a complex number are numbers of their own
    normwise : float, ``|actual - expected| / (eps |expected|)``

    Notes
    -----
    An ulp is the distance of two floats about the expected number. Where that is beyond the largest, infinity is right.

    Examples
    --------
    >>> import mpmath
    >>> errors_of(np.array([1 + 2.0**-52, 2.0]), [mpmath.mpf(1), mpmath.mpf(2)])[0]
    array([1., 0.])
    """
    import mpmath

    info = np.finfo(actual.dtype)
    digits, lowest = info.nmant + 1, info.minexp - info.nmant
    if actual.dtype.kind == "c":
        actual = np.stack([actual.real, actual.imag], axis=-1)
        expected = [part for z in map(mpmath.mpmathify, expected) for part in (z.real, z.imag)]
    ulps, off, size = [], mpmath.mpf(0), mpmath.mpf(0)
    for a, e in zip(actual.ravel().tolist(), expected, strict=True):
        e = mpmath.mpf(e)
        if abs(e) >= (2 - mpmath.ldexp(1, -digits)) * mpmath.ldexp(1, info.maxexp - 1):
            ulps.append(0.0 if a == math.copysign(math.inf, e) else math.inf)
            continue
        if not math.isfinite(a):
            ulps.append(math.inf)
            off = mpmath.inf
            continue
        ulp = mpmath.ldexp(1, max(mpmath.mag(e) - digits, lowest) if e else lowest)
        ulps.append(float(abs(a - e) / ulp))
        off, size = off + (a - e) ** 2, size + e**2
    least = mpmath.ldexp(1, lowest)
    normwise = mpmath.sqrt(off) / max(mpmath.ldexp(1, -info.nmant) * mpmath.sqrt(size), least)
    return np.array(ulps), float(normwise)

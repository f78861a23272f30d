"""Hostile calls about the machine: tables of more than 2**31 rows, threads, forks, and the end of the interpreter."""

import contextlib
import os
import tempfile
import threading

import numpy as np

from npembed import Embedding, RowSparse
from npembed.embedding.bags import embedding_bag, embedding_bag_vjp
from npembed.embedding.constrain import post_step_rows_
from npembed.embedding.lookup import lookup, lookup_vjp
from npembed.embedding.max_norm import renorm_
from npembed.embedding.optimizers import adam_, sgd_
from npembed.embedding.row_maps import NORMALIZERS
from npembed.embedding.rows import gather, gather_vjp, segment_add_
from npembed.kge.datasets import Nations
from npembed.kge.models import transe
from npembed.kge.training import fit

from . import answered, refused

ROWS = 2**31 + 8
LAST = ROWS - 1
FAR = [0, 2**31 - 1, 2**31, LAST, 2**31]
"""Ids on both sides of what a signed number of 32 bits holds; their places in memory are beyond what an unsigned one does."""
VALUES = np.arange(10.0, dtype=np.float32).reshape(5, 2) + 1
LITTLE = 2 << 30
"""Bytes that a call may ask for beside the table: an eighth of it."""


@contextlib.contextmanager
def sparse(filled=True):
    """A table of 17 GB, of which the disk holds some pages, and the memory no more than `LITTLE`."""
    import resource  # which Windows has not

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table")
        table = np.memmap(path, np.float32, "w+", shape=(ROWS, 2))
        if filled:
            table[FAR[:4]] = [[1, 2], [3, 4], [5, 6], [7, 8]]
        limits = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (LITTLE, limits[1]))
        try:
            yield table
            assert os.stat(path).st_blocks * 512 < 2**24, "the file is no longer sparse"
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, limits)


def with_sparse(use):
    """A call on the big table."""

    def call(world):
        with sparse() as table:
            return use(table)

    return call


def few(use):
    """The same on a table of four rows that holds the same numbers, and what is asked for by the places of `FAR` in it: an oracle."""

    def answer(world):
        return use(np.array([[1, 2], [3, 4], [5, 6], [7, 8]], np.float32))

    return answer


PLACES = [0, 1, 2, 3, 2]


def summed(table):
    """What the rows at `PLACES` get of `VALUES`."""
    out = np.zeros_like(table)
    for place, value in zip(PLACES, VALUES, strict=True):
        out[place] += value
    return out


def parts(gradient):
    """Rows and values."""
    return [gradient.rows, gradient.values]


def after(table, write, *arguments, **options):
    """The rows at the places of `FAR`, after something was written."""
    write(table, *arguments, **options)
    return np.array(table[FAR[:4]])


def gradient():
    """A gradient at those rows."""
    return RowSparse(np.array(FAR[:4]), VALUES[:4].copy(), ROWS)


def momentum(table):
    """A step with momentum, whose buffer is as long as the table."""
    with sparse(filled=False) as buffer:
        return after(
            table, sgd_, gradient(), lr=0.5, momentum=0.5, missing_rows="lazy", state={"step": 0, "momentum_buffer": buffer}
        )


def adam(table):
    """A lazy step of Adam, whose moments are as long as the table: each number moves by lr, against its gradient's sign."""
    with sparse(filled=False) as m, sparse(filled=False) as v:
        return after(
            table, adam_, gradient(), lr=0.5, missing_rows="lazy", state={"step": 0, "exp_avg": m, "exp_avg_sq": v}
        ).round(3)


BIG = [
    ("gather", lambda t: gather(t, FAR), lambda t: t[PLACES]),
    ("gather, read-only", lambda t: gather(_locked(t), FAR), lambda t: t[PLACES]),
    ("gather, strided", lambda t: gather(t[:, ::-1], FAR), lambda t: t[PLACES][:, ::-1]),
    ("gather, uint32 ids", lambda t: gather(t, np.array(FAR, np.uint32)), lambda t: t[PLACES]),
    ("gather_vjp", lambda t: parts(gather_vjp(VALUES, t, FAR)), lambda t: [np.array(FAR[:4]), summed(t)]),
    (
        "gather_vjp, exact",
        lambda t: parts(gather_vjp(VALUES, t, FAR, summation="exact")),
        lambda t: [np.array(FAR[:4]), summed(t)],
    ),
    ("segment_add_", lambda t: after(t, segment_add_, FAR, VALUES), lambda t: t + summed(t)),
    ("segment_add_, exact", lambda t: after(t, segment_add_, FAR, VALUES, summation="exact"), lambda t: t + summed(t)),
    ("sgd_", lambda t: after(t, sgd_, gradient(), lr=0.5), lambda t: t - np.float32(0.5) * VALUES[:4]),
    ("sgd_, momentum", momentum, lambda t: t - np.float32(0.5) * VALUES[:4]),
    ("adam_, lazy", adam, lambda t: t - np.float32(0.5)),
    ("renorm_", lambda t: after(t, renorm_, FAR, max_norm=0.0), lambda t: t * 0),
    (
        "post_step_rows_",
        lambda t: after(t, post_step_rows_, FAR, lambda x: np.minimum(x, 2), leaves_other_rows=True),
        lambda t: np.minimum(t, 2),
    ),
    ("embedding_bag", lambda t: embedding_bag(t, FAR, [0, 3], mode="sum"), lambda t: np.array([t[0] + t[1] + t[2], t[3] + t[2]])),
    (
        "embedding_bag_vjp",
        lambda t: parts(embedding_bag_vjp(VALUES[:2], t, FAR, [0, 3], mode="sum")),
        lambda t: [np.array(FAR[:4]), np.array([VALUES[0], VALUES[0], VALUES[0] + VALUES[1], VALUES[1]])],
    ),
    ("lookup", lambda t: lookup(t, FAR).sum(axis=1), lambda t: t[PLACES].sum(axis=1)),
    (
        "lookup_vjp, of rows of length one along themselves",
        lambda t: lookup_vjp(lookup(t, FAR), t, FAR, normalizer=NORMALIZERS["normalize"]).values.round(5) + 0,
        lambda t: np.zeros((4, 2), np.float32),
    ),
]


def _locked(table):
    view = table.view()
    view.flags.writeable = False
    return view


def batch():
    """A batch that is large enough for all threads, and small enough for a second."""
    rng = np.random.default_rng(7)
    ids = rng.zipf(1.3, 160_000).clip(max=2000) - 1
    return rng.normal(size=(2000, 16)).astype(np.float32), ids, rng.normal(size=(ids.size, 16)).astype(np.float32)


def used():
    """What the parallel kernels make of the batch."""
    table, ids, g = batch()
    gradient = gather_vjp(g, table, ids)
    return [gather(table, ids).sum(axis=1)[::1000], gradient.rows, gradient.values]


def right(world):
    """The same by NumPy."""
    table, ids, g = batch()
    sums = np.zeros_like(table)
    np.add.at(sums, ids, g)
    return [table[ids].sum(axis=1)[::1000], np.unique(ids), sums[np.unique(ids)]]


def together(work, count=6):
    """What some threads return that do the same at once."""
    found = [None] * count

    def run(i):
        found[i] = work()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def own_tables():
    """A table, after steps of its own."""
    table, ids, g = batch()
    for _ in range(3):
        sgd_(table, gather_vjp(g, table, ids), lr=0.1)
    return table


def own_tables_by_numpy():
    """The same, with `np.add.at`."""
    table, ids, g = batch()
    sums = np.zeros_like(table)
    np.add.at(sums, ids, g)
    for _ in range(3):
        table = (table + np.float64(np.float32(-0.1)) * sums).astype(np.float32)
    return table


def in_child(work):
    """What a forked child makes of it: whether its numbers are those that this process has."""
    before = work()
    child = os.fork()
    if child == 0:
        found = work()
        os._exit(0 if all(map(np.array_equal, found, before)) else 17)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fused():
    """Scores of all tails, by threads of Python's own."""
    model = transe(Nations().training, embedding_dim=512, random_seed=0)
    pairs = np.repeat([[0, 1]], 2000, axis=0)
    return [model.score_t(pairs, engine="fused")[[0, -1]]]


def training():
    """The losses of a short training."""
    model = transe(Nations().training, embedding_dim=8, random_seed=0)
    return [np.array([epoch.loss for epoch in fit(model, Nations().training.mapped_triples, epochs=1, lr=0.1)])]


def in_a_pool(world):
    """Children of a pool, forked after the threads have started."""
    import multiprocessing

    used()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.apply_async(used).get(30)


def forked_amid(world):
    """A fork while other threads are in their kernels, one of which has the lock."""
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            used()

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        return in_child(used)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def left_running(world):
    """Daemons that are in their kernels when the interpreter ends."""

    def busy():
        while True:
            used()

    for _ in range(3):
        threading.Thread(target=busy, daemon=True).start()
    return used()


def under_way(world):
    """Ids that another thread changes, between good and far away, while they are looked up: each call is right or refused."""
    table, ids, _ = batch()
    ids = ids[:5000].copy()
    good, stop = ids.copy(), threading.Event()

    def spoil():
        while not stop.is_set():
            ids[::7] = 2**60
            ids[:] = good

    thread = threading.Thread(target=spoil)
    thread.start()
    try:
        for _ in range(300):
            try:
                if not np.array_equal(gather(table, ids), table[good]):
                    return "wrong"
            except IndexError as error:
                if "ids[" not in str(error):
                    return str(error)
    finally:
        stop.set()
        thread.join()
    return "right or refused"


def layers():
    """A layer of a thread's own, all of it."""
    layer = Embedding(50, 8, max_norm=1.0, dropout=0.5, rng=3)
    for _ in range(20):
        layer.backward(layer(np.arange(50)))
    return layer.grad.values


def threaded(kind, name, do, answer, **more):
    """A call on each threading layer that Numba may have to do with."""
    return [
        answered(
            kind, f"{name} ({layer})", do, answer, plain=False,
            env=(("NUMBA_THREADING_LAYER", layer), ("NUMBA_NUM_THREADS", "2")), **more,
        )
        for layer in ("default", "workqueue")
    ]  # fmt: skip


CALLS = [
    *(
        [
            *(answered("memmap", f"2**31 rows: {n}", with_sparse(use), few(oracle)) for n, use, oracle in BIG),
            refused(
                "memmap",
                "2**31 rows: gather, one too far",
                with_sparse(lambda t: gather(t, [ROWS])),
                IndexError,
                r"gather: ids\[0\] = 2147483656 is outside a table of 2147483656 rows; valid ids are 0..2147483655",
            ),
            refused(
                "memmap",
                "2**31 rows: an id that is -1 in 32 bits",
                with_sparse(lambda t: gather(t, np.array([2**32 - 1], np.uint32))),
                IndexError,
                r"gather: ids\[0\] = 4294967295 is outside",
            ),
            refused(
                "memmap",
                "2**31 rows: a gradient made dense",
                with_sparse(lambda t: gradient().to_dense()),
                MemoryError,
                r"RowSparse.to_dense: shape asks for an array of shape \(2147483656, 2\), 17,179,869,248 bytes; allowed: what fits",
            ),
        ]
        if os.name != "nt"
        else []
    ),
    *threaded("threads", "threads: six at once in parallel kernels", lambda w: together(used), lambda w: [right(w)] * 6),
    *threaded(
        "threads",
        "threads: six at once, each with steps of its own",
        lambda w: together(own_tables),
        lambda w: [own_tables_by_numpy()] * 6,
    ),
    *threaded(
        "threads",
        "threads: four at once in the fused engine",
        lambda w: [len({a[0].tobytes() for a in together(fused, 4)})],
        lambda w: [1],
    ),
    *threaded("threads", "threads: daemons in kernels when the interpreter ends", left_running, right, alone=True),
    answered("threads", "threads: ids that change under way", under_way, lambda w: "right or refused"),
    answered(
        "threads", "threads: layers, each with its own", lambda w: len({a.tobytes() for a in together(layers)}), lambda w: 1
    ),
    *(
        [
            *threaded("fork", "fork: after the threads have started", lambda w: in_child(used), lambda w: 0),
            *threaded("fork", "fork: after the fused engine", lambda w: in_child(fused), lambda w: 0),
            *threaded("fork", "fork: amid kernels of other threads", forked_amid, lambda w: 0),
            *threaded("fork", "fork: a pool of processes", in_a_pool, right),
            answered(
                "fork",
                "fork: and a training in the child",
                lambda w: in_child(lambda: used() + training()),
                lambda w: 0,
                plain=False,
            ),
            answered("fork", "fork: before any kernel", lambda w: in_child(training), lambda w: 0, alone=True),
        ]
        if hasattr(os, "fork")
        else []
    ),
]

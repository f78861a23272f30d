"""Work that takes long, to be interrupted: ``python -m long_work NAME``, in a process of its own; `interrupts.amid` sends it Ctrl-C.

What only reads says "go", and then when it was stopped. What writes does the work once, says how long that takes, does it again from the
start, and says what it left when it was stopped: all as before, all as after, or a part.
"""

import copy
import hashlib
import os
import signal
import sys
import time
from types import SimpleNamespace

import numpy as np

from npembed import Embedding, RowSparse
from npembed.embedding.optimizers import OPTIMIZERS, project_state_
from npembed.embedding.row_maps import clamp, softmax
from npembed.embedding.rows import gather_vjp, segment_add_
from npembed.kge.evaluation import ranks
from npembed.kge.models import ERModel
from npembed.kge.training import OptimizerUpdate, update_

SLOW = 50 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else 1
"""How much less is done where kernels are plain Python."""


def rng():
    """Random numbers, always the same."""
    return np.random.default_rng(5)


def model(entities, dim, **more):
    """A model of so many entities."""
    size = SimpleNamespace(num_entities=entities, num_relations=3, mapped_triples=np.empty((0, 3), int))
    rows = {"embedding_dim": dim, **more}
    return ERModel(
        triples_factory=size,
        interaction="transe",
        entity_representations_kwargs=rows,
        relation_representations_kwargs=rows,
        random_seed=0,
    )


def ranking(engine):
    """Ranks that take minutes."""
    asked = model(20_000, 256)
    triples = np.stack([rng().integers(0, n, 50_000) for n in (20_000, 3, 20_000)], axis=1)
    return lambda: ranks(asked, triples, engine=engine)


def exact_sums():
    """Sums of numbers that overflow on the way, for which fractions are needed: a minute."""
    g = np.resize([1.7e308, 1.7e308, -1.7e308], (6_000_000, 1))
    ids = np.arange(len(g)) // 3
    return lambda: gather_vjp(g, g, ids, summation="exact")


def scores():
    """All scores of many questions: minutes."""
    asked = model(50_000, 256)
    return lambda: [asked.score_t(np.zeros((2000, 2), int), engine="fused") for _ in range(1000)][-1]


READS = {
    "ranks, fused": lambda: ranking("fused"),
    "ranks, layered": lambda: ranking("layered"),
    "exact sums": exact_sums,
    "scores, fused": scores,
}


def step(name, dense=True, **options):
    """A step of an optimizer on a table of some ten million numbers."""

    def make():
        table = rng().random((600_000, 16), np.float32)
        gradient = rng().random(table.shape, np.float32)
        if not dense:
            gradient = RowSparse(np.arange(0, len(table), 2), gradient[::2].copy(), len(table))
        state = OPTIMIZERS[name].state(table)
        return (table, state), lambda: OPTIMIZERS[name].step_(table, gradient, lr=0.1, state=state, **options)

    return make


def additions():
    """Many rows added onto a table."""
    table, values = rng().random((1000, 16), np.float32), rng().random((8_000_000 // SLOW // 4, 16), np.float32)
    ids = rng().integers(0, len(table), len(values))
    return (table,), lambda: segment_add_(table, ids, values)


def projection():
    """Two momenta of a large table."""
    table = rng().random((1_000_000, 16), np.float32)
    state = {name: rng().random(table.shape, np.float32) for name in ("momentum_buffer", "exp_avg")}
    return (table, state), lambda: project_state_(table, state)


def constrained():
    """A model of two tables, each with a constrainer that takes long."""
    sized = model(400_000, 16, constrainer=lambda x: clamp(softmax(x), max=0.1))
    sized.relation_representations[0] = sized.entity_representations[0].__class__(
        400_000, 16, constrainer=lambda x: clamp(softmax(x), max=0.1), rng=1
    )
    return sized


def constraining():
    """The constrainers of a model, of which it has two."""
    sized = constrained()
    for layer in sized.layers:
        layer.weight = rng().random(layer.weight.shape, np.float32)
    return tuple(layer.weight for layer in sized.layers), sized.post_parameter_update


def updating(make):
    """The update of a model: steps on two tables, and constrainers."""

    def work():
        sized = constrained()
        update = make(sized)
        gradients = [
            RowSparse(np.arange(layer.max_id), rng().random(layer.weight.shape, np.float32), layer.max_id)
            for layer in sized.layers
        ]
        states = getattr(update, "states", [])
        return (*(layer.weight for layer in sized.layers), *states), lambda: update(sized, gradients, 0.1)

    return work


def loading():
    """Two tables, from a state."""
    sized = constrained()
    state = {name: rng().random(array.shape, np.float32) for name, array in sized.state_dict().items()}
    return tuple(layer.weight for layer in sized.layers), lambda: [sized.load_state_dict(state) for _ in range(5)] and None


def restoring():
    """A frozen table, which is unlocked to be written, and locked."""
    layer = Embedding(4_000_000, 8, trainable=False, initializer="ones")
    state = {"_embeddings.weight": rng().random(layer.weight.shape, np.float32)}
    return (layer.weight,), lambda: layer.load_state_dict(state)


WRITES = {
    "adam_": step("adam"),
    "segment_add_": additions,
    "update_": updating(lambda sized: update_),
    "constrainers of a model": constraining,
    "sgd_, momentum": step("sgd", momentum=0.9),
    "sgd_, rows": step("sgd", dense=False),
    "adam_, on touch": step("adam", dense=False, missing_rows="decay_on_touch"),
    "adamw_": step("adamw", amsgrad=True),
    "adagrad_": step("adagrad"),
    "sparse_adam_": step("sparse_adam", dense=False),
    "rowwise_adagrad_": step("rowwise_adagrad"),
    "OptimizerUpdate": updating(lambda sized: OptimizerUpdate(sized, "adam")),
    "project_state_": projection,
    "load_state_dict": loading,
    "a frozen table": restoring,
}


def digest(things):
    """A hash of arrays, and of dicts of them; of whether they are locked, too."""
    found = hashlib.sha256()
    for thing in things:
        for part in sorted(thing.items()) if isinstance(thing, dict) else [("", thing)]:
            array = np.asarray(part[1])
            found.update(f"{part[0]} {array.flags.writeable}".encode())
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def put_back(things, copies):
    """Give things the numbers that they had."""
    for thing, old in zip(things, copies, strict=True):
        if isinstance(thing, dict):
            thing.clear()
            thing.update(copy.deepcopy(old))
        elif thing.flags.writeable:
            thing[...] = old
        else:
            thing.flags.writeable = True
            thing[...] = old
            thing.flags.writeable = False


def stop_reading(name):
    """Do the work, and say when it was stopped."""
    work = READS[name]()
    print("go", flush=True)
    try:
        work()
    except KeyboardInterrupt:
        print("stopped", time.monotonic(), flush=True)


def stop_writing(name, times):
    """Do the work, and say what it left when it was stopped, so many times."""
    things, work = WRITES[name]()
    copies = copy.deepcopy(things)
    before = digest(things)
    work()  # compiles what is to be
    put_back(things, copies)
    began = time.monotonic()
    work()
    took = time.monotonic() - began
    after = digest(things)
    for _ in range(times):
        put_back(things, copies)
        assert digest(things) == before
        ended = None
        try:
            print("go", took, flush=True)
            work()
            ended = time.monotonic()
            time.sleep(60)
        except KeyboardInterrupt:
            left = {before: "before", after: "after"}.get(digest(things), "a part")
            print(left, "late" if ended else "amid", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.argv[1] in READS:
        stop_reading(sys.argv[1])
    else:
        stop_writing(sys.argv[1], int(sys.argv[2]))

"""A whole layer in exact numbers, by loops: any options together, over as many batches as there are."""

import itertools

from vectors_cases import mapped, mapped_vjp
from vectors_exact import mpf, norm
from vectors_steps import adagrad, adam, sgd

RULES = {"sgd": sgd, "adagrad": adagrad, "adam": adam, "adamw": adam}
CHOICES = {
    "writes": ("max_norm_writes", {True: "table", False: "output"}),
    "frozen_writes": ("frozen_max_norm", {False: "stays", True: "shortened"}),
    "lazy": ("missing_rows", {False: "dense", True: "lazy"}),
    "conjugate": ("complex_gradient", {False: "re_plus_i_im", True: "conjugate"}),
}
"""What `live` may be asked for, and by which convention."""


def flat(nested):
    return [j for i in nested for j in flat(i)] if isinstance(nested, list) else [nested]


def places(ids, offsets, last):
    """The places of the ids of each bag."""
    if offsets is None:
        k = len(ids[0])
        return [list(range(b * k, b * k + k)) for b in range(len(ids))]
    ends = offsets[1:] if last else [*offsets[1:], len(ids)]
    return [list(range(a, b)) for a, b in zip(offsets, ends, strict=False)]


def pieces(f, *rows, width):
    """`f` on each `width` numbers of the rows: a row that is a matrix is mapped along its last axis."""
    cut = [[row[i : i + width] for i in range(0, len(row), width)] for row in rows]
    return [v for parts in zip(*cut, strict=True) for v in f(*parts)]


def conjugated(rows):
    """Rows of numbers in turn real and imaginary."""
    return [[v * (-1) ** k for k, v in enumerate(row)] for row in rows]


def live(table, batches, options, *, width, writes=True, frozen_writes=False, lazy=False, conjugate=False):
    """What a layer gives and becomes.

    `table` is a list of rows, each a flat list of real numbers (a complex one is two of them), `width` of them to the last axis; a
    batch is a dict of ids, g and perhaps offsets and weights, g again by flat rows. Returns for each batch output, gradient,
    weight_gradient and table (after the step, or after the lookup if there is no optimizer), all flat rows.
    """
    x = [[mpf(v) for v in row] for row in table]
    frozen, state, found = not options.get("trainable", True), [[{} for _ in row] for row in x], []
    padding = options.get("padding_idx")
    padding = None if padding is None else padding % len(x)
    steps = {k: mpf(v) if isinstance(v, float) else v for k, v in options.get("optimizer_options", {}).items()}
    if options.get("optimizer") == "adamw":
        steps["decoupled"] = True
    for t, batch in enumerate(batches, start=1):
        ids, g = flat(batch["ids"]), [[mpf(v) for v in row] for row in batch["g"]]
        seen = [list(row) for row in x]
        if "max_norm" in options:
            for i in set(ids):
                n = norm(x[i], options.get("norm_type", 2))
                if n > options["max_norm"]:
                    seen[i] = [v * options["max_norm"] / n for v in x[i]]
            if frozen_writes if frozen else writes:
                x = [list(row) for row in seen]
        if conjugate:
            g = conjugated(g)
        output, d, dw = _looked_up(seen, ids, g, batch, options, padding, width)
        gradient = [[mpf(0)] * len(row) for row in x]
        for i, row in zip(ids, d, strict=True):
            if i != padding:
                by = ids.count(i) if options.get("scale_grad_by_freq") else 1
                gradient[i] = [a + b / by for a, b in zip(gradient[i], row, strict=True)]
        if "optimizer" in options and not frozen:
            rule = RULES[options["optimizer"]]
            for r, row in enumerate(gradient):
                if not lazy or (r in ids and r != padding):
                    x[r] = [rule(a, s, b, t, **steps) for a, s, b in zip(x[r], state[r], row, strict=True)]
        if "constrainer" in options and not frozen:
            more = options.get("constrainer_options", {})
            x = [pieces(lambda v, more=more: mapped(v, options["constrainer"], **more), row, width=width) for row in x]
        if conjugate:  # what is handed out; a step goes down the loss in any case
            gradient = conjugated(gradient)
        found.append({"output": output, "gradient": gradient, "weight_gradient": dw, "table": [list(row) for row in x]})
    return found


def _looked_up(seen, ids, g, batch, options, padding, width):
    """The output; the gradient of each row that was looked up, one for each id; that of each weight."""
    weights = [mpf(w) for w in flat(batch.get("weights", [1] * len(ids)))]
    drawn, dw = [seen[i] for i in ids], [mpf(0)] * len(ids)
    if "mode" not in options:
        name, more = options.get("normalizer"), options.get("normalizer_options", {})
        if name is None:
            return drawn, g, dw
        output = [pieces(lambda v: mapped(v, name, **more), row, width=width) for row in drawn]
        d = [pieces(lambda a, v: mapped_vjp(a, v, name, **more), a, v, width=width) for a, v in zip(g, drawn, strict=True)]
        return output, d, dw
    zero = [mpf(0)] * len(seen[0])
    output, d = [], [zero for _ in ids]
    for b, bag in enumerate(places(batch["ids"], batch.get("offsets"), options.get("include_last_offset"))):
        kept = [k for k in bag if ids[k] != padding]
        columns = [[drawn[k][c] * weights[k] for k in kept] for c in range(len(zero))]
        if options["mode"] == "max":
            output.append([max(column) for column in columns] if kept else zero)
        else:
            output.append([sum(column) / (len(kept) if options["mode"] == "mean" and kept else 1) for column in columns])
        for n, k in enumerate(kept):
            if options["mode"] == "max":
                d[k] = [a if column.index(max(column)) == n else mpf(0) for a, column in zip(g[b], columns, strict=True)]
            else:
                d[k] = [a * weights[k] / (len(kept) if options["mode"] == "mean" else 1) for a in g[b]]
            dw[k] = sum(a * v for a, v in zip(g[b], drawn[k], strict=True))
    return output, d, dw


def answers(table, batches, options, *, width, real):
    """What a layer may give, by the conventions that make a difference: [({name: choice}, found)]."""
    asked = []
    if "max_norm" in options:
        asked.append("writes" if options.get("trainable", True) else "frozen_writes")
    if "padding_idx" in options and "optimizer" in options and options.get("trainable", True):
        asked.append("lazy")
    if not real:
        asked.append("conjugate")
    found = []
    for taken in itertools.product(*(CHOICES[name][1] for name in asked)):
        said = {CHOICES[name][0]: CHOICES[name][1][way] for name, way in zip(asked, taken, strict=True)}
        found.append((said, live(table, batches, options, width=width, **dict(zip(asked, taken, strict=True)))))
    needed = [name for name in found[0][0] if _matters(name, found)]
    merged = {tuple((name, said[name]) for name in needed): result for said, result in found}
    found = [(dict(said), result) for said, result in merged.items()]
    waits = [(said, result) for said, result in found if said.get("missing_rows") == "lazy"]
    return found + [({**said, "missing_rows": "decay_on_touch"}, result) for said, result in waits]  # padding is never touched


def _matters(name, found):
    """Whether another choice of that convention gives anything else."""
    return any(
        all(other[n] == said[n] for n in said if n != name) and changed != result
        for said, result in found
        for other, changed in found
    )

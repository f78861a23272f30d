"""The report as a table that one reads."""

from ... import check

DTYPES = {"single": ("float32", "complex64"), "double": ("float64", "complex128")}


@check.public
def lines(report):
    """The report of `accuracy`, one line for each op and direction: the worst of real and complex rows and of all classes.

    >>> record = {"op": "no", "direction": "forward", "dtype": "float32", "class": "random", "examples": 1, "numbers": 1}
    >>> record |= {"max_ulp": 0.0, "ulp_999": 0.0, "normwise": 0.0, "bounds": {}, "reason": "", "ok": True}
    >>> len(lines({"records": [record], "unmeasured": {}, "seconds": 0.1, "seed": 20, "ok": True})) > 4
    True
    """
    found = [
        "Errors against mpmath: the largest ulp, the ulp of 99.9 %, and norm-wise in eps. Without the class \"cancelling\", in the last",
        "two columns, where what is left of a difference has few digits.",
        "",
        f"{'':30}{'single precision':>26}{'double precision':>26}{'cancelling, ulp':>20}",
        f"{'':30}{'max':>9}{'99.9 %':>8}{'norm':>9}{'max':>9}{'99.9 %':>8}{'norm':>9}{'single':>10}{'double':>10}",
    ]  # fmt: skip
    records = report["records"]
    for op, direction in dict.fromkeys((r["op"], r["direction"]) for r in records):
        mine = [r for r in records if (r["op"], r["direction"]) == (op, direction)]
        name = op if direction == "forward" else f"{op} vjp"
        parts = [f"{name:30}"]
        for dtypes in DTYPES.values():
            some = [r for r in mine if r["dtype"] in dtypes and r["class"] != "cancelling"]
            for key, width in (("max_ulp", 9), ("ulp_999", 8), ("normwise", 9)):
                parts.append(f"{_number(max((r[key] for r in some), default=None)):>{width}}")
        for dtypes in DTYPES.values():
            some = [r["max_ulp"] for r in mine if r["dtype"] in dtypes and r["class"] == "cancelling"]
            parts.append(f"{_number(max(some, default=None)):>10}")
        found.append("".join(parts) + ("" if all(r["ok"] for r in mine) else "  BROKEN"))
    found += ["", *(f"not measured: {name}, {why}" for name, why in report["unmeasured"].items())]
    stated = dict.fromkeys((r["op"], r["direction"], r["reason"]) for r in records if r["reason"] and r["bounds"])
    found += [f"bound of its own: {op} {direction}, {why}" for op, direction, why in stated]
    found += [_broken(r) for r in records if not r["ok"]]
    examples = sum(r["examples"] for r in records)
    numbers = sum(r["numbers"] for r in records)
    verdict = "every stated bound holds" if report["ok"] else "a stated bound is broken"
    return [
        *found,
        "",
        f"{numbers:,} numbers of {examples:,} examples in {report['seconds']:g} s (seed {report['seed']}): {verdict}",
    ]


def _number(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 1000 else f"{value:.1e}"


def _broken(record):
    numbers = ", ".join(f"{name} {_number(record[name])} where {bound:g} is promised" for name, bound in record["bounds"].items())
    return f"broken: {record['op']} {record['direction']}, {record['dtype']}, {record['class']}: {numbers}"

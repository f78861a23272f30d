"""Make the conformance vectors: ``python tests/golden/make_vectors.py`` writes npembed/verify/conformance/vectors/*.json.

Every expected number comes from exact arithmetic (`fractions`) or from mpmath at 1500 bits, evaluated on the stored inputs and
rounded once; gradients by differentiating the forward pass there, not by a formula of a backward pass. npembed is not imported.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import vectors_bags
import vectors_constrainers
import vectors_large
import vectors_lookup
import vectors_maps
import vectors_options
import vectors_pairs
import vectors_refused
import vectors_second
import vectors_steps

VERSION = "3"
TOPICS = {
    "lookup": (vectors_lookup, vectors_options), "maps": (vectors_maps, vectors_constrainers), "bags": (vectors_bags,),
    "steps": (vectors_steps,), "second": (vectors_second,), "pairs": (vectors_pairs,), "large": (vectors_large,),
    "refused": (vectors_refused,),
}  # fmt: skip
FOLDER = pathlib.Path(__file__).parents[2] / "npembed" / "verify" / "conformance" / "vectors"


def text(topic):
    """The file of one topic: a case a line."""
    found = [c for module in TOPICS[topic] for c in module.cases()]
    ids = [c["id"] for c in found]
    assert len(set(ids)) == len(ids), [i for i in ids if ids.count(i) > 1]
    lines = ",\n".join(json.dumps(c, separators=(",", ":"), allow_nan=False) for c in found)
    head = {"schema": "schema.json", "version": VERSION, "topic": topic, "count": len(found)}
    return json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n"


if __name__ == "__main__":
    for name in TOPICS:
        (FOLDER / f"{name}.json").write_text(text(name), encoding="utf-8")
        print(name, text(name).count("\n") - 2)

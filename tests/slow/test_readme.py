"""The README's console examples print what the README shows, up to digits: those of long runs may differ between processors."""

import re

import readme


def shape(text):
    """Text without its numbers and the width that they take."""
    return re.sub(r" +", " ", re.sub(r"-?\d+(\.\d+)?", "0", text))


def test_the_commands_print_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = list(readme.commands(readme.README.read_text(encoding="utf-8")))
    assert sum(command.startswith("npembed ") for command, _ in shown) >= 5
    for command, output in shown:
        if command.startswith("npembed predict"):
            _same_question(readme.run(command, output), output)
        else:
            assert shape(readme.run(command, output)) == shape(output), command


def _same_question(found, output):
    """Which answers are the first may depend on the last digits of a run; the question, their number and their form may not."""
    found, output = found.split("\n"), output.split("\n")
    assert (found[0], len(found)) == (output[0], len(output))
    for line in found[1:-1]:
        assert re.fullmatch(r"  \S+ +-?\d+\.\d+(  (training|validation|testing))?", line)

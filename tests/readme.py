"""The README's console examples: run them, and, as a script, write what they print into the README."""

import contextlib
import io
import os
import pathlib
import re
import shlex
import sys
import tempfile

README = pathlib.Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"```console\n(.*?)```\n", re.DOTALL)


def commands(text):
    """(command, output) for every ``$`` line of every console block."""
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def run(command, output):
    """What a command prints; ``cat`` makes the file that it shows."""
    from npembed.cli import main

    verb, *arguments = shlex.split(command)
    if verb == "cat":
        pathlib.Path(arguments[0]).write_text(output, encoding="utf-8", newline="")
        return output
    assert verb == "npembed", command
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(arguments) in ((0, 1) if arguments[0] == "check" else (0,)), command  # 1: what is shown is wrong
    return printed.getvalue()


def renewed(text):
    """The README with what its commands print now."""

    def renew(match):
        return (
            "```console\n"
            + "".join(f"$ {command}\n{run(command, output)}" for command, output in commands(match.group()))
            + "```\n"
        )

    return BLOCK.sub(renew, text)


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    sys.path.insert(0, str(README.parent))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        new = renewed(text)
        os.chdir(README.parent)
    README.write_text(new, encoding="utf-8")

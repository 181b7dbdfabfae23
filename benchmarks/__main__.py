"""`python -m benchmarks [name ...] [--seed 0] [options of the benchmark]`; `--table` alone."""

import subprocess
import sys
from itertools import takewhile

from benchmarks.harness import names, run
from benchmarks.table import question, rewrite


def main(arguments) -> int:
    wanted = list(takewhile(lambda word: not word.startswith("-"), arguments))
    options = arguments[len(wanted) :]
    if unknown := [name for name in wanted if name not in names()]:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(names())}")
        return 2
    if options == ["--table"]:
        print(rewrite())
        return 0
    if not wanted:
        print("python -m benchmarks NAME ... [--seed 0] [--quick]; NAME --help says what else\n")
        print("\n".join(f"{name:17s}{question(name)}" for name in names()))
        return 0
    if len(wanted) > 1:
        # A process for each: nothing is compiled or pinned to a core by the one before.
        again = [sys.executable, "-m", "benchmarks"]
        return max(subprocess.call([*again, name, *options]) for name in wanted)
    status = run(wanted[0], options)
    if "--quick" not in options and "--out" not in options:
        print(rewrite())
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

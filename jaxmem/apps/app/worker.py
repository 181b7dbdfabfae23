"""The process in which the app fits and designs: one job, whose progress it writes as JSON lines.

`python -m jaxmem.apps.app.worker JOB` in the folder of a visit. It ends when its standard input is
closed, so that it never outlives the app.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from jaxmem.apps.environment import set_environment


class JsonLines:
    """A reporter that writes each line and step as JSON."""

    def __init__(self, stream: Any):
        self.stream = stream

    def write(self, **said: Any) -> None:
        """One line."""
        print(json.dumps(said), file=self.stream, flush=True)

    def say(self, line: str) -> None:
        """A line of text."""
        self.write(say=line)

    def step(self, stage: str, done: int, total: int) -> None:
        """A stage has come so far."""
        self.write(step=[stage, done, total])


def do_fit(report: JsonLines) -> dict[str, Any]:
    """`jaxmem fit fit.toml --out fit`."""
    from fitting.study.run import run_study
    from fitting.study.spec_file import read_spec

    made = run_study(
        read_spec("fit.toml"), "fit", force=True, command=COMMANDS["fit"], progress=report
    )
    return {"lines": made.lines, "ok": made.ok}


def do_spike(report: JsonLines) -> dict[str, Any]:
    """`jaxmem spike fit/fit.json --out spike`."""
    from jaxmem.apps.spike import write_report

    made = write_report(
        Path("fit/fit.json"), "spike", force=True, command=COMMANDS["spike"], progress=report
    )
    return {"lines": made.lines, "ok": True}


def do_design(report: JsonLines) -> dict[str, Any]:
    """`jaxmem design goals.toml --out design`."""
    from jaxmem.apps.designing.report import write_design

    made = write_design(
        "goals.toml", "design", force=True, command=COMMANDS["design"], progress=report
    )
    return {"lines": [*made.notes, *made.statements], "ok": made.design.met}


JOBS = {"fit": do_fit, "spike": do_spike, "design": do_design}
COMMANDS = {
    "fit": "jaxmem fit fit.toml --out fit",
    "spike": "jaxmem spike fit/fit.json --out spike",
    "design": "jaxmem design goals.toml --out design",
}


def do_job(job: str) -> None:
    """Do a job, and write how it ended."""
    set_environment()
    # What libraries print is no line of this protocol.
    report = JsonLines(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    threading.Thread(target=_end_with_the_app, daemon=True).start()
    try:
        report.write(done=JOBS[job](report))
    except (ValueError, RuntimeError, OSError) as error:
        report.write(failed=str(error))
    except Exception as error:
        report.write(failed=f"This is a mistake of the program: {type(error).__name__}: {error}")


def _end_with_the_app() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    do_job(sys.argv[1])

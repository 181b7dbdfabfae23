"""A job on a page: its button, how far it is, how to cancel it, and what it found."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from jaxmem.apps.app.frame import tell
from jaxmem.apps.app.job import Job
from jaxmem.apps.app.workshop import Workshop


class JobPanel:
    """Begins a job of a visit, follows it, and calls `show` when it has ended.

    **Arguments:**

    - `workshop`: of the visit, which keeps the job through reloads. `kind`: of the job.
    - `title`: of the button. `prepare`: writes what the job reads; it raises `ValueError` for what
      cannot be asked. `show`: shows the results.
    """

    def __init__(
        self, workshop: Workshop, kind: str, title: str, prepare: Callable[[], Any],
        show: Callable[[Job], None],
    ):  # fmt: skip
        self.workshop, self.kind, self.prepare, self.show = workshop, kind, prepare, show
        self.shown: Job | None = None
        with ui.element("div").classes("strip"):
            self.button = ui.button(title, on_click=self.begin).props(
                f'no-caps data-begin="{kind}"'
            )
            self.stop = ui.button("cancel", on_click=self.cancel).props(
                f'no-caps outline data-cancel="{kind}"'
            )
            self.words = ui.label("").classes("weak").props(f'role="status" data-progress="{kind}"')
        self.bar = ui.linear_progress(value=0.0, show_value=False).props(
            'instant-feedback aria-label="progress"'
        )
        self.found = ui.html("", sanitize=False).classes("verdict").props(
            f'aria-live="polite" data-found="{kind}"'
        )  # fmt: skip
        # The first look is the timer's, when the page is whole.
        self.stop.set_visibility(False)
        self.bar.set_visibility(False)
        self.timer = ui.timer(0.4, self.follow)

    @property
    def job(self) -> Job | None:
        """The job of the visit, if one was begun."""
        return self.workshop.state.get(f"job {self.kind}")

    def begin(self) -> None:
        """Begin, unless it is running."""
        if self.job is not None and not self.job.ended.is_set():
            return
        try:
            self.prepare()
        except ValueError as error:
            tell(str(error))
            return
        job = Job(self.kind, self.workshop.folder)
        self.workshop.state[f"job {self.kind}"] = job
        self.workshop.on_close.append(job.cancel)
        self.found.content = ""
        self.follow()

    def cancel(self) -> None:
        """End it."""
        if self.job is not None and not self.job.ended.is_set():
            self.job.cancel()

    def follow(self) -> None:
        """Show how far it is; when it has ended, what it found, once."""
        job = self.job
        running = job is not None and not job.ended.is_set()
        self.stop.set_visibility(running)
        self.bar.set_visibility(running)
        self.button.set_enabled(not running)
        if job is None:
            return
        if running:
            self.words.text = job.line()
            self.bar.props["indeterminate"] = job.share is None
            self.bar.value = job.share or 0.0
            self.bar.update()
        elif self.shown is not job:
            self.shown = job
            self.words.text = ""
            if job.problem:
                self.found.content = f'<p class="bad">{escaped(job.problem)}</p>'
                return
            items = "".join(f"<li>{escaped(line)}</li>" for line in job.lines)
            self.found.content = f"<ul>{items}</ul>"
            self.show(job)


def escaped(text: str) -> str:
    """A text for a page."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

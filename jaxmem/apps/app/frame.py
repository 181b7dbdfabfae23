"""What each page of the app stands in: its head with the ways to the others, light or dark."""

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from nicegui import ui

PAGES = {"/": "Explore", "/fit": "Fit", "/design": "Design"}
STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
# What the user chose last, else what the system says.
WISHES_DARK = (
    "localStorage.getItem('jaxmem-dark') === null "
    "? matchMedia('(prefers-color-scheme: dark)').matches "
    ": localStorage.getItem('jaxmem-dark') === '1'"
)


class Ground:
    """Whether a page is dark, and what is drawn anew when that changes."""

    def __init__(self):
        self.mode = ui.dark_mode(None)
        self.dark = False
        self.hears: list[Callable[[], None]] = []

    def set(self, dark: bool) -> None:
        """Make the page dark, or light."""
        self.dark, self.mode.value = dark, dark
        for hear in self.hears:
            hear()

    async def ask_browser(self) -> None:
        """Begin as the user likes it."""
        try:
            self.set(bool(await ui.run_javascript(WISHES_DARK, timeout=5)))
        except TimeoutError:  # a browser that does not answer stays as it is
            pass

    def switch(self) -> None:
        """The other way, and remembered."""
        self.set(not self.dark)
        ui.run_javascript(f"localStorage.setItem('jaxmem-dark', '{int(self.dark)}')")


@contextmanager
def page_frame(here: str):
    """The head of a page, and its main part, in which the block builds.

    **Yields:** its `Ground`.
    """
    ui.page_title(f"jaxmem: {PAGES[here]}")
    ui.add_css(STYLE)
    ui.add_head_html('<script>document.documentElement.lang = "en"</script>')
    ground = Ground()
    with ui.header().classes("head"):
        ui.html('<a class="skip" href="#main">to the content</a>', sanitize=False)
        ui.label("jaxmem").classes("brand")
        with ui.element("nav").props('aria-label="Pages"'):
            for path, title in PAGES.items():
                link = ui.link(title, path).classes("way")
                if path == here:
                    link.props('aria-current="page"')
        ui.space()
        ui.button("light or dark", on_click=ground.switch).props(
            'flat no-caps no-wrap color="white" aria-label="Change between light and dark"'
        )
    with ui.element("main").props('id="main" tabindex="-1"').classes("main"):
        yield ground


def whole_width(text: str, level: int = 2) -> None:
    """A heading."""
    ui.html(f"<h{level}>{text}</h{level}>", sanitize=False)


def tell(text: str, kind: str = "negative") -> None:
    """A sentence that appears over the page, is read aloud, and stays until it is closed."""
    ui.notify(text, type=kind, multi_line=True, close_button="close", timeout=12_000, html=False)  # pyright: ignore

"""The addresses of the app."""

from fastapi import FastAPI
from nicegui import ui
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from jaxmem.apps.app.designs.design_page import DesignPage
from jaxmem.apps.app.explore.explore_page import ExplorePage
from jaxmem.apps.app.fits.fit_page import FitPage
from jaxmem.apps.app.gate import KEY
from jaxmem.apps.app.workshop import Workshop, Workshops

# The reports that a visit may have, by what wrote them.
REPORTS = {kind: f"{kind}/report.html" for kind in ("fit", "spike", "design")}


def register_pages(app: FastAPI) -> Workshops:
    """Make the pages known to the server; what they keep is ended by the `close` of the result."""
    workshops = Workshops()

    @ui.page("/")
    async def explore(request: Request) -> None:
        page = ExplorePage({k: v for k, v in request.query_params.items() if k != KEY})
        await ui.context.client.connected(timeout=30)
        await page.begin()

    @ui.page("/fit")
    async def fits(request: Request) -> None:
        workshop = _visit(workshops, request)
        page = FitPage(workshop)
        ui.context.client.on_delete(page.close)
        await ui.context.client.connected(timeout=30)
        _keep_in_address("/fit", workshop)
        await page.begin()

    @ui.page("/design")
    async def designs(request: Request) -> None:
        workshop = _visit(workshops, request)
        page = DesignPage(workshop)
        await ui.context.client.connected(timeout=30)
        _keep_in_address("/design", workshop)
        await page.begin()

    @app.get("/report/{name}/{kind}")
    def report(name: str, kind: str) -> Response:
        workshop = workshops.named(name)
        if workshop is None or kind not in REPORTS:
            return PlainTextResponse("there is no such report", 404)
        file = workshop.folder / REPORTS[kind]
        if not file.is_file():
            return PlainTextResponse("this report is not written yet", 404)
        return FileResponse(file, media_type="text/html")

    return workshops


def _visit(workshops: Workshops, request: Request) -> Workshop:
    """The visit that the address names, or a new one; it ends when its last tab is closed."""
    workshop = workshops.named(request.query_params.get("visit", "")) or workshops.new()
    client = ui.context.client
    workshop.viewers.add(client.id)
    client.on_delete(lambda: workshops.leave(workshop, client.id))
    return workshop


def _keep_in_address(path: str, workshop: Workshop) -> None:
    """So that a reload finds the visit again; the key leaves the address."""
    ui.run_javascript(f"history.replaceState(null, '', '{path}?visit={workshop.name}')")

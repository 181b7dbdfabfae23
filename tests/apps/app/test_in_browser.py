"""The app in a browser: Debian's Chromium, headless. Times are reported, and not asserted."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
)
pytest.importorskip("nicegui", reason='the app needs pip install "jaxmem[app]"')
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium"),
    pytest.mark.filterwarnings("default::ResourceWarning"),
    pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning"),
]
# A busy machine compiles for minutes [ms].
PATIENCE = 600_000


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address that `jaxmem app` prints."""
    env = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    started = subprocess.Popen(
        [sys.executable, "-m", "jaxmem", "app", "--no-show"], stdout=subprocess.PIPE, text=True,
        cwd=tmp_path_factory.mktemp("served"), env=env,
    )  # fmt: skip
    try:
        yield started.stdout.readline().strip()
    finally:
        started.terminate()
        started.wait(30)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def context(browser, address):
    """A browser of its own that has opened the app, and the addresses that it asked."""
    made = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    made.set_default_timeout(PATIENCE)
    made.asked = []
    made.on("request", lambda request: made.asked.append(request.url))
    made.new_page().goto(address)
    yield made
    made.close()


def of(address, path=""):
    return address.split("?")[0] + path


def test_explore_draws_says_its_verdict_and_asks_no_other_machine(context, address):
    page = context.pages[0]
    page.wait_for_function("document.querySelector('[data-verdict] li') !== null")
    assert page.inner_text("[data-verdict] li").startswith("It spikes under a constant current")
    assert "device=si" in page.url and "token" not in page.url
    times = slider_times(page)
    print("\nms from a key on a slider to the drawing:", json.dumps(times))
    assert all(times.values())
    # The state is in the address, and a reload shows it again.
    page.wait_for_function("location.search.includes('d.C_m')")
    shown = page.input_value("[data-number='C_m']")
    page.reload()
    page.wait_for_selector("[data-number='C_m']")
    assert page.input_value("[data-number='C_m']") == shown != "1e-07"
    hosts = {url.split("/")[2] for url in context.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {of(address).split("/")[2]}


def slider_times(page, keys=5):
    """Milliseconds from a key on a slider to the drawing of figures, the best of some keys."""
    best = {}
    for _ in range(keys):
        page.evaluate("""() => {
            window.times = {}; window.since = null;
            document.addEventListener('keydown', () => { window.since = performance.now() },
                                      {once: true, capture: true});
            for (const name of ['nyquist', 'voltage', 'plane']) {
                const figure = document.querySelector(`[data-figure="${name}"]`);
                const before = figure.layout.meta.serial;
                figure.removeAllListeners('plotly_afterplot');
                figure.on('plotly_afterplot', () => {
                    if (window.since && figure.layout.meta.serial !== before)
                        window.times[name] ??= Math.round(performance.now() - window.since);
                });
            }
        }""")
        page.locator("[data-parameter='C_m'] [tabindex='0'], [data-parameter='C_m'][tabindex='0']"
                     ).first.press("ArrowRight")  # fmt: skip
        page.wait_for_function("Object.keys(window.times).length === 3")
        for name, value in page.evaluate("window.times").items():
            best[name] = min(value, best.get(name, value))
        page.wait_for_timeout(300)
    return best


def test_without_the_key_there_is_no_page(browser, address):
    page = browser.new_context().new_page()
    assert page.goto(of(address)).status == 403
    assert "lacks the key" in page.inner_text("body")


@pytest.mark.parametrize("folder", ["data/instrument_exports", "field"])
def test_each_file_is_read_or_says_its_sentence(context, address, shared, folder):
    from jaxmem.apps.app.fits.dropped import read_dropped

    unread = ("LICENSE", ".md", ".py")
    files = sorted(f for f in (shared / folder).iterdir() if not f.name.endswith(unread))
    page = context.new_page()
    page.goto(of(address, "fit"))
    page.set_input_files("input[type=file]", [str(f) for f in files])
    page.wait_for_function(f"document.querySelectorAll('[data-file]').length === {len(files)}")
    for file in files:
        row, known = page.locator(f"[data-file='{file.name}']"), read_dropped(file)
        text = row.inner_text()
        assert (known.problem or known.what) in text, file.name
        assert row.locator("[data-problem]").count() == bool(known.problem), file.name


def test_a_fit_is_what_the_command_line_writes(context, address, shared, tmp_path):
    page = context.new_page()
    page.goto(of(address, "fit"))
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("name,colour\nring,blue\n")
    page.set_input_files("input[type=file]", str(wrong))
    page.wait_for_selector("[data-problem]")
    export = shared / "data/instrument_exports/exampleDataGamry.DTA"
    page.set_input_files("input[type=file]", str(export))
    points = "[data-figure='nyquist'] .scatterlayer .point"
    page.wait_for_selector(points)
    # The first point is left out by a click.
    page.locator(points).first.click(force=True)
    page.wait_for_function("document.querySelector('[data-drop] input, input[data-drop]')"
                           "?.value?.startsWith('#')")  # fmt: skip
    page.locator("[data-setting='compare']").wait_for()
    page.click("[data-begin='fit']")
    page.wait_for_selector("[data-found='fit'] li")
    verdict = page.inner_text("[data-found='fit']")
    assert "describe" in verdict
    # A reload shows the same.
    page.reload()
    page.wait_for_selector("[data-found='fit'] li")
    assert page.inner_text("[data-found='fit']") == verdict
    assert page.locator("[data-parameters] tr").count() > 3
    assert page.frame_locator("[data-report='fit']").locator("body").inner_text().strip()
    with page.expect_download() as download:
        page.click("[data-download]")
    zipfile.ZipFile(download.value.path()).extractall(tmp_path)
    folder = tmp_path / "jaxmem"
    command = page.inner_text("[data-command]").split()
    assert command == ["jaxmem", "fit", "fit.toml", "--out", "fit"]
    env = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    done = subprocess.run(
        [sys.executable, "-m", *command[:-1], "again"], cwd=folder, env=env, capture_output=True,
        text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = (json.loads((folder / f / "fit.json").read_text()) for f in ("fit", "again"))
    one.pop("provenance"), two.pop("provenance")
    assert one == two
    files = ({p.relative_to(folder / f) for p in (folder / f).rglob("*")} for f in ("fit", "again"))
    assert next(files) == next(files)


def test_two_tabs_are_apart_and_a_closed_one_ends_its_work(context, address):
    one, two = context.new_page(), context.new_page()
    for page in (one, two):
        page.goto(of(address, "design"))
        page.wait_for_function("location.search.includes('visit')")
    assert one.url != two.url
    one.click("[data-begin='design']")
    one.wait_for_function("document.querySelector('[data-progress=design]').innerText !== ''")
    assert two.inner_text("[data-progress='design']") == ""
    visit = one.url.partition("visit=")[2]
    one.click("[data-cancel='design']")
    one.wait_for_selector("text=It was cancelled.")
    one.close()
    # The folder of the visit is gone some time after the tab.
    two.wait_for_timeout(25_000)
    page = context.new_page()
    page.goto(of(address, f"design?visit={visit}"))
    page.wait_for_function("location.search.includes('visit')")
    assert visit not in page.url

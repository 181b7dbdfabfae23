"""How Sphinx makes the site: `make docs`."""

import os
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "extensions")]
# Examples of the gallery and help of commands are run while the site is made.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

release = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["version"]
project, author, copyright = "jaxmem", "The jaxmem developers", "The jaxmem developers"
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_gallery.gen_gallery",
    "command_help",
    "formulas_as_mathml",
    "markdown_docstrings",
    "public_references",
]
exclude_patterns = ["_build", "examples", "gallery/**.ipynb", "gallery/**.py", "gallery/**.json"]
nitpicky = True
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
math_number_all = False

html_theme = "furo"
html_title = f"jaxmem {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("gallery_figures.save_figures",),
    "reset_modules": (),
    "capture_repr": (),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": 30,
    "notebook_images": False,
    "remove_config_comments": True,
}

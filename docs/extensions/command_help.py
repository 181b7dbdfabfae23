"""`{command-help} fit`: what `jaxmem fit --help` prints, in a page."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class CommandHelp(SphinxDirective):
    """The help of a command; without a name, of `jaxmem` itself."""

    optional_arguments = 1

    def run(self):
        """One block of plain text."""
        words = [*self.arguments, "--help"]
        return [nodes.literal_block(text := help_of(words), text, language="text")]


def help_of(words):
    """What the command line prints of these words."""
    from typer.testing import CliRunner

    from jaxmem.apps.cli import app

    run = CliRunner().invoke(app, words, prog_name="jaxmem", env={"COLUMNS": "96"})
    if run.exit_code != 0:
        raise ValueError(f"jaxmem {' '.join(words)}: {run.output}")
    return run.output.strip()


def setup(app):
    """Told to Sphinx."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

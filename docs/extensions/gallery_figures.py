"""Pictures of the gallery: figures that `jaxmem.plots.draw` made, which pyplot does not know."""

from matplotlib.figure import Figure


def save_figures(block, block_vars, gallery_conf):
    """Save what a block left in the variable `figure`, and give the lines that show it."""
    from sphinx_gallery.scrapers import figure_rst

    figure = block_vars["example_globals"].pop("figure", None)
    if not isinstance(figure, Figure):
        return ""
    path = str(next(block_vars["image_path_iterator"]))
    figure.savefig(path, dpi=130)
    return figure_rst([path], gallery_conf["src_dir"])

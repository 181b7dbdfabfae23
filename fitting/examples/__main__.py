"""Write the bundled synthetic set again."""

import jax

jax.config.update("jax_enable_x64", True)

from fitting.examples import write  # noqa: E402

write()

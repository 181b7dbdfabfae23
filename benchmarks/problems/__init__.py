"""Problems with a known answer, drawn from a seed: benchmarks and tests share them."""

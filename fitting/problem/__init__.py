"""Terms, model and free parameters as compiled programs see them."""

"""`python -m jaxmem` does what the command `jaxmem` does."""

from jaxmem.apps.cli import main

if __name__ == "__main__":
    main()

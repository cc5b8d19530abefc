"""Entry of `python -m measure`."""

from measure.cli import main

main()

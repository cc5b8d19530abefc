"""`python -m fluxcost`: the command line, from a checkout too."""

from fluxcost.cli.app import main

main()

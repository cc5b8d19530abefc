"""A loaded GPU: what was recorded of it, and the simulator held against that record."""

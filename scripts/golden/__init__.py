"""Golden numbers: what fluxcost answers on one commit, as text files that `diff -r` compares."""

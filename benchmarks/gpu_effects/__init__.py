"""What a GPU does to a call's time beside its arithmetic: tiles, clocks and heat, weights' values.

Raw records of these programs are in benchmarks/records/; the README there names the commands.
"""

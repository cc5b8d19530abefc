"""Timings of other tools, read from their own files, as calibrations of source `imported`.

Nothing is known of a call's stages or of its machine, so a fit answers at the cells given and
nowhere else. What a file leaves open (the shape, waiting, failures) is asked for or refused.
"""

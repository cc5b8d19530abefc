"""Several GPUs: one replica of the model on each, started by torchrun, timed alone and together.

launch starts the processes; in each of them worker runs the windows of a plan, meeting the others
between them; joining makes one calibration of what they wrote.
"""

"""Several GPUs: one replica of the model on each, started by torchrun, timed alone and at once.

`launch` starts the processes. In each of them `worker` runs the windows of a plan and synchronizes
with the others between them; the first then joins all journals into one calibration.
"""

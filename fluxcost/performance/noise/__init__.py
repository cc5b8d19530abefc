"""Three kinds of noise: between runs, within a run, and from call to call."""

"""diffusers' pipelines at the exact shapes of an architecture, by family."""

"""Several GPUs: replicas beside each other, or all of them on one image."""

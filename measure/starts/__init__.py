"""Cold starts: fresh processes, timed from nothing to their first images."""

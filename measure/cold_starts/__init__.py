"""Cold starts: fresh processes, timed from launch to their first images."""

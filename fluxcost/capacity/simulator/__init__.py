"""The event simulator: state, compiled loops, servers and runs."""

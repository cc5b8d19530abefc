"""A loaded replica on the CPU: who is served when, never how fast."""

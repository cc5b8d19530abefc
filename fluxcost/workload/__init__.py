"""What is asked: shapes, how many and by when, and what a plan must keep to."""

"""Claims of a published article: its figures, the expressions over them, and what they come to."""

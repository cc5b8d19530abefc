"""What to run? Search over offers, batches and tariffs."""

"""What a generated image costs and how many GPUs to rent, from real measurements."""

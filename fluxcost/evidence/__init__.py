"""Is it true? Fits against cells held out of them."""

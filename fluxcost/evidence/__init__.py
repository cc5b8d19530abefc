"""Is it true? Fits against cells held out of them, published claims against arithmetic."""

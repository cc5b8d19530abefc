"""How much? Offers, tariffs, billing, cost per image and break-even."""

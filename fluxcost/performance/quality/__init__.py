"""How good a model's pictures are, as far as a stated metric can say."""

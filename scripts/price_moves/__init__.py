"""How the error model of prices is fitted to a history and scored on what it did not see."""

"""Break-even: from which volume on renting costs less than an API."""

"""Export: a plan as the file with which someone's cluster runs it, one module per tool."""

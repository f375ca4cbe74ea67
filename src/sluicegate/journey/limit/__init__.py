"""How much the caller may do."""

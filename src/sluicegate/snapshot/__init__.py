"""Configuration compiled to an immutable routing table, swapped whole."""

"""Shared, short-lived, fast: what limits count in. One contract, several back ends."""

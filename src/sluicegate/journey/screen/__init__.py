"""Before we know who calls."""

"""Whether the caller may."""

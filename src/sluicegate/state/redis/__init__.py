"""Limits counted in Redis or Valkey: one server, the primary of Sentinels, or a cluster."""

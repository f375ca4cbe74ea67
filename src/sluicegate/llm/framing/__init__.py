"""Bytes of a stream to whole events: one file per framing."""

"""The nouns: frozen structs with no I/O, the same for YAML, control channel and hot path."""

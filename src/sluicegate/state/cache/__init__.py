"""Answers that may be given again: not state, for losing one costs no more than asking anew.

contract     what a cache does
memory       in the worker
redis        in a Redis or Valkey of its own
opening      from settings to one of them
"""

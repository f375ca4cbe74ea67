"""What a request costs: Sluicegate beside nginx, Envoy and nginx + Lua + Redis, in one run.

`make bench`, or `python -m bench --help`.
"""

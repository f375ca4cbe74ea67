"""Bytes to exchange and back: sockets, TLS, HTTP/1.1, tunnels."""

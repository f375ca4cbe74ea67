"""HTTP/1.1 (RFC 9112) as asyncio protocols over llhttp."""

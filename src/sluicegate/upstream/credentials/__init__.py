"""What clouds want to be shown in place of a key: asked for in threads, renewed before it ends."""

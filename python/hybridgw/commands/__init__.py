"""What the commands beside `serve` do. Each module has `run(...) -> int`, the exit status."""

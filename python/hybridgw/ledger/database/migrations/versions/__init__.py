"""One file per step, numbered in the order in which they follow each other."""

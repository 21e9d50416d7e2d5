"""The native calls one by one, with pytest-benchmark; each bench checks the answer it times.

Run with `python -m bench.micro` (writes JSON) or `pytest bench/micro --benchmark-enable`. Wall clock on
a shared machine is noisy: the median is the figure, and only ratios between rows of one run are to be
trusted across machines.
"""

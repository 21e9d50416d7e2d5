"""`python -m bench.tokens speed | errors | vectors`: measure, write JSON, print the page."""

import sys

from bench import machine
from bench.tokens import errors, oracle, speed


def main(arguments: list[str]) -> int:
    """Run one of the benches; 2 for an unknown name."""
    match arguments:
        case ["speed"]:
            document, page = speed.measured(), speed.page
        case ["errors"]:
            document, page = errors.measured(), errors.page
        case ["vectors"]:
            print(f"{oracle.vectors()} texts written: {oracle.VECTORS.relative_to(machine.ROOT)}")
            return 0
        case _:
            print(__doc__)
            return 2
    path = machine.write(f"tokens_{arguments[0]}", document)
    print(page(document))
    print(f"written: {path.relative_to(machine.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""One unit of work in a process of its own: `python -m signal_perception.pipeline.apart`.

Reads the pickled pair (work, unit); prints why it failed. Its exit code tells a fault of the unit
from an error.
"""

import pickle
import sys

from signal_perception.pipeline.errors import UserError


def main() -> None:
    work, unit = pickle.load(sys.stdin.buffer)
    try:
        work(unit)
    except UserError as error:
        print(str(error).rstrip("."))
        raise SystemExit(1) from None
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
        raise


if __name__ == "__main__":
    main()

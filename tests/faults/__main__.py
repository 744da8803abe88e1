"""Every fault at every stage; the table of outcomes, and exit code 1 if any of them is wrong."""

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main([str(Path(__file__).parent), "--tb=no", *sys.argv[1:]]))

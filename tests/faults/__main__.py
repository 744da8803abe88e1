"""Every fault at every stage; the table of outcomes, and exit code 1 if any of them is wrong.

Two runs of pytest side by side, for a stage keeps one core busy. Arguments are pytest's.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.outcomes import SAVED, Table

# Of about the same length.
SHARES = (("test_kills.py",), ("test_damage.py", "test_disks.py", "test_dvc.py"))


def main(arguments: list[str]) -> int:
    """All shares at once; the table of all, and what pytest said where something failed."""
    here, table, failed = Path(__file__).parent, Table(), False
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for number, files in enumerate(SHARES):
            saved = Path(folder) / f"{number}.json"
            command = [sys.executable, "-m", "pytest", "--tb=short", *arguments]
            process = subprocess.Popen(
                [*command, *(str(here / file) for file in files)],
                env=os.environ | {SAVED: str(saved)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            running.append((process, saved))
        for process, saved in running:
            said = process.communicate()[0]
            table.add_saved(saved)
            # 5: none of a share's tests was asked for
            if process.returncode not in (0, 5):
                failed = True
                print(said)
    print(table.markdown())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

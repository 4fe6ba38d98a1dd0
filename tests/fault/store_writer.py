"""A process that writes to a store until it is killed, and says what it was told is stored.

Usage: python -m tests.fault.store_writer readings|windows STORE BOOT FIRST
"""

import sys
from itertools import count
from pathlib import Path

from agent.store import readings as readings_table
from agent.store.store import Store
from tests.stored import alert, diagnosis, readings, window


def main() -> None:
    what, path, boot, first = sys.argv[1:]
    readings_table.MERGE_READINGS = 600  # so that merging is among what is cut short
    with Store.open(Path(path), boot) as store:
        for number in count(int(first)):
            if what == "readings":
                store.append(readings(number))
                if number % 8 == 0:
                    store.prune()
            else:
                store.record(window(number), diagnosis(number), [alert(f"a{number}", number)])
                if number % 3 == 0 and (batch := store.next_batch()):
                    store.acknowledge(batch.boot, batch.number)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

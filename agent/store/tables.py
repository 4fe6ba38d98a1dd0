"""Tables by sqlite-utils, without the pandas that it would load where it finds one.

Nothing here needs pandas; it and what comes with it take 75 MB of memory and two seconds at the start.
"""

import sys

_BARRED = {"pandas": None} if "pandas" not in sys.modules else {}
sys.modules.update(_BARRED)  # type: ignore[arg-type]  # None makes an import fail, as if it weren't installed
try:
    from sqlite_utils import Database
    from sqlite_utils.db import Table
finally:
    for _name in _BARRED:
        del sys.modules[_name]

__all__ = ["Database", "Table"]

"""poptorch 3.4: the executable cache, and the progress bar of the compilation."""

import datetime
import hashlib
import logging
import sys
import time
from pathlib import Path

from . import _hardware

_COMPILE_SECONDS = 0.02


def compiled(options, description):
    """Compile, or load from the cache what was compiled of the same description.

    A file in the cache's folder stands for an executable. Returns the compilation time, which the
    progress bar measures; None where it is off.
    """
    began = time.perf_counter()
    folder = options.cache_dir
    if folder and _hardware.emulates(options):
        # poptorch 3.4: Options, enableExecutableCaching needs hardware.
        logging.getLogger("poptorch").warning("Executables of an IPU model are not cached")
        folder = ""
    key = hashlib.sha256(description.encode()).hexdigest()[:16]
    path = Path(folder or ".", key + ".popef")
    if not (folder and path.exists()):
        time.sleep(_COMPILE_SECONDS)
        if folder:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(description)
    if not options.show_compilation_progress_bar:
        return None
    seconds = time.perf_counter() - began
    sys.stderr.write(f"Graph compilation: 100%|##########| 100/100 [00:{seconds:02.0f}<00:00]\n")
    return datetime.timedelta(seconds=seconds)

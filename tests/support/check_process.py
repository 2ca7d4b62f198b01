"""A check process that behaves as its first argument says; a stand-in for Great Expectations in tests of its client.

Every check passes, except that `short` leaves one out, `twice` answers one twice, `miscounts` saw a row less,
`strays` names a row that was not sent, `hangs` never answers, and `dies` kills itself at its first request ever
(its second argument is a file by which it remembers).
"""

import json
import os
import signal
import sys
import time
from pathlib import Path


def main(behaviour: str, memory: Path) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if behaviour == "hangs":
            time.sleep(60)
        if behaviour == "dies" and not memory.exists():
            memory.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        results = [{"name": c["name"], "result": "lulus", "failing": [], "detail": ""} for c in request["checks"]]
        rows = request["rows"]
        if behaviour == "short":
            results.pop()
        if behaviour == "twice":
            results.append(results[-1])
        if behaviour == "miscounts":
            rows -= 1
        if behaviour == "strays":
            results[0] |= {"result": "gagal", "failing": [request["rows"]]}
        print(json.dumps({"rows": rows, "results": results}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

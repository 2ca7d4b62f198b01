"""What `ssp watch` asks of the lake, in a process of its own: a lake that hangs or ends its reader does no more harm.

Run as a module it prints one JSON object: `hasil` (instant of the newest outcome), `tertunda` (messages due for longer
than an hour) and `laporan` (newest events of the daily report's mails that begin with the key in its argument).
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

_TRIES = 3
_OVERDUE = timedelta(hours=1)


def ask(report: str) -> dict[str, Any]:
    """Read the lake; a catalogue that is locked for a moment is asked again."""
    from ssp_pipeline.app import lake_config
    from ssp_pipeline.settings import load_settings
    from warehouse import outbox
    from warehouse.lake import Lake

    settings = load_settings()
    for turn in range(1, _TRIES + 1):
        lake = Lake(lake_config(settings), read_only=True)
        try:
            newest = lake.query("SELECT max(selesai) AS t FROM lake.ops.hasil")["t"][0]
            late: list[str] = []
            events: list[str] = []
            if "ops.kotak_keluar" in lake.shapes():
                states = outbox.states(lake, settings.outbox)
                before = datetime.now(UTC) - _OVERDUE
                for row in states.iter_rows(named=True):
                    if row["kunci"].startswith(report):
                        events.append(row["peristiwa"])
                    if row["peristiwa"] in outbox.WAITING and row["berikutnya"] < before:
                        late.append(row["kunci"])
            return {"hasil": newest, "tertunda": len(set(late)), "laporan": events}
        except Exception as error:
            if turn == _TRIES or "locked" not in str(error):
                raise
            time.sleep(turn)
        finally:
            lake.close()
    raise AssertionError("unreachable")


if __name__ == "__main__":
    try:
        sys.stdout.buffer.write(orjson.dumps(ask(sys.argv[1])))
    except Exception as error:
        # The kind alone: a text may quote an address with its password.
        sys.stderr.write(type(error).__name__)
        sys.exit(1)

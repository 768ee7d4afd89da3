"""Runs in hftbacktest's own environment: its validator on each file named, then its reader; a line of JSON for each."""

import json
import sys

import numpy as np
from hftbacktest.data import validate_event_order
from hftbacktest.types import event_dtype

for path in sys.argv[1:]:
    data = np.load(path)["data"]
    validate_event_order(data)
    sys.stdout.write(json.dumps({"events": len(data), "layout": bool(data.dtype == event_dtype)}) + "\n")

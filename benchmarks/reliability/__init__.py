"""Programs that try to break fluxcost: kills, full disks, hostile files, extreme numbers."""

NAMES = (
    *("calibration", "prices", "workload", "trace CSV", "trace Parquet", "import csv"),
    *("import aiperf", "import aiperf inputs", "import sglang", "journal", "upload"),
    "server request",
)
"""What is read, by the name a report calls it."""

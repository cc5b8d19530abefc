"""Programs that try to break fluxcost: kills, full disks, hostile files, extreme numbers."""

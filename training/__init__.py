"""From recordings to a tested, calibrated, documented bundle."""

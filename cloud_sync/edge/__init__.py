"""The box's end of the WAN: enrolment, uplink, over-the-air updates."""

"""All that crosses the WAN: the wire format, the box's end (`edge`) and the centre's end (`cloud`)."""

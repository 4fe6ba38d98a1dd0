"""Where health is heading: trend with its uncertainty, and remaining life as a forecast that may be refused."""

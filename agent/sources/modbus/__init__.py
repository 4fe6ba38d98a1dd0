"""Sensors of Modbus devices.

A source is one connection: TCP, TLS, a serial bus, or a serial bus behind a TCP gateway. Its read groups are polled at
their own rates, each in as few requests as the device takes.
"""

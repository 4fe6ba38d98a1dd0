"""Sensors that publish over MQTT.

A source is one session with a broker. A message goes to the route that its topic fits, is read in that topic's payload
format, becomes readings, and is acknowledged once these are stored.
"""

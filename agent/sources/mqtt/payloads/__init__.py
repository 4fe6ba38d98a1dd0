"""What sensors publish over MQTT: each format in a file of its own, each made by its settings. No I/O."""

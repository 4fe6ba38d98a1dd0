"""A machine to plug the agent into: replays a recording over real Modbus TCP and MQTT."""

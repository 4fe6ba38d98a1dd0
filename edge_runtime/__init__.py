"""From signal to diagnosis, without torch, network or SQL.

The edge box, inference at the centre and training all run this code, so that they can't drift apart.
"""

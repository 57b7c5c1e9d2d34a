"""The local stack: every program of the topology as a process on loopback, without containers."""

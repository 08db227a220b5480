"""What is between clients and services: a TCP relay that cuts, refuses and stalls. Without gRPC.

A station loads `session_fakes.network.relay` when it first needs one, so nothing is loaded here.
"""

"""A server of NI's drivers as a target: the NI gRPC Device Server, or what stands in for it."""

"""Fakes of NI's services, so that unmodified plug-ins run offline."""

"""What ``session-fakes demo`` shows: two plug-ins share one session of a notebook.

The notebook stands for any resource. ``server`` owns it, ``client`` is how others get at it,
``plug_in`` is a measurement plug-in as NI's template makes them, ``steps`` are code modules for
TestStand, and ``showing`` runs them all on a station.
"""

"""Hypothesis profiles: fixed examples by default, the same on every machine; few without the compiler; many random ones at night."""

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile("fixed", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("few", settings.get_profile("fixed"), max_examples=10)
settings.register_profile("nightly", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("NPEMBED_HYPOTHESIS", "fixed"))

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores Ctrl-C in what it starts in the background

collect_ignore_glob = ["golden/*"]  # the scripts there make golden files, and want torch and PyKEEN

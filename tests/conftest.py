"""Every test: no other machine is reached, and property tests draw the same examples every time,
so that a failure is one anyone can repeat.
"""

from hypothesis import settings

from tests.offline import guard

guard()
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

"""Calibrating in as few minutes as a target error needs: which cell tells most per second?"""

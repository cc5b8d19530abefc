"""Hides the notices and progress bars of diffusers and transformers."""

from __future__ import annotations


def quiet_libraries() -> None:
    """Let diffusers and transformers report errors only."""
    import diffusers.utils.logging as diffusers_logging
    import transformers.utils.logging as transformers_logging

    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()

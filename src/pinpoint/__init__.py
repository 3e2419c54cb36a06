"""Pinpoint: image retrieval that looks where you ask."""

__version__ = "0.1.0"

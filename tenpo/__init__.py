"""Tenpo: self-hosted software for businesses that sell people's time and what they know."""

__version__ = "0.1.0"

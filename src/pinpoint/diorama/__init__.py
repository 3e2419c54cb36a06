"""Diorama: a small illustrated world in which every attribute of every picture is known."""

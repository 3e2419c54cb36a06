"""Recipes: how each model that the package ships was made. `pinpoint train NAME` follows one."""

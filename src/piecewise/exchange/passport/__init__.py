"""Passports of exports: the answers of every toolkit, compared with those of piecewise."""

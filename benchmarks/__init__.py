"""How fast the package is, beside other toolkits on the same machine: `make bench`."""

"""From files to arrays: pictures, data sets, the preparation that travels with a net, X's and
O's."""

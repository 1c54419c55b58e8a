"""Loading: discovered files to one array of prepared examples, in parallel and cached."""

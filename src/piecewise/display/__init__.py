"""Small charts and images for pages, notebooks and terminals."""

"""Reports as self-contained HTML files: JavaScript modules, style sheets and data in one file."""

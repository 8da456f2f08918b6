"""What the HTML pages share: frame, style and how figures are written; each page lives with what it shows."""

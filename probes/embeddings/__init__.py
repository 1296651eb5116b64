"""Images and texts embedded once, stored, looked up."""

"""The report of a load run: document, page, plots, comparison."""

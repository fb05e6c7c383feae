"""What is corrected of MiniStack's answers, a module a service; and how its state is kept.

ministack_main.py loads them, in MiniStack's own Python: of staticfire they import only one another, relatively. Each
has `correct()`, but for keeping.py and template_resources.py.
"""

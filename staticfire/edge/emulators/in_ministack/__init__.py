"""What is corrected of MiniStack's answers, a module a service; and how its state is kept.

ministack_main.py loads them, in MiniStack's own Python: they import nothing of staticfire, and each has `correct()`,
but for keeping.py.
"""
